import assert from 'node:assert/strict';
import { conjuncts } from '../../planner/expression.js';
import { operatorsIn } from '../../planner/logical-plan.js';
import { fieldsOf, type PlanExpr, type PlanLeaf } from '../../planner/physical-plan.js';
import { planQuery } from '../../planner/plan-query.js';
import { CatalogueNames } from '../../sql/catalogue-names.js';
import { readQuery } from '../../sql/node-tree.js';
import { loadParser } from '../../sql/parse.js';
import { EmbeddedPostgres } from '../../sql/postgres.js';
import { Oid, type, typeName } from '../../sql/types.js';
import { imagePath } from '../../src/paths.js';
import { EmbeddedPostgres as Oracle } from '../support/embedded-postgres.js';
import { describe_, type TestTable, testContext } from './support.js';

const TIMES: TestTable = {
  columns: [
    ['id', type(Oid.int4)],
    ['ts', type(Oid.timestamp)],
    ['tz', type(Oid.timestamptz)],
    ['d', type(Oid.date)],
  ],
  splits: [{ bytes: 100, rows: 10 }],
};

const ZONES = [
  ...['UTC', 'Europe/Berlin', 'America/New_York', 'America/Sao_Paulo', 'Pacific/Apia'],
  ...['Australia/Lord_Howe', 'Africa/Casablanca', 'Asia/Kolkata'],
];

/** Changes of the zones' offsets, a day that a zone had not, leap days, turns of years, the epoch. */
const DAYS = [
  ...['2024-03-31', '2024-10-27', '2024-03-10', '2024-11-03', '2018-02-18', '2018-11-04', '2011-12-30'],
  ...['2024-04-07', '2024-10-06', '2024-02-29', '2025-01-01', '1970-01-01', '2019-06-01'],
];

const OPERATORS = ['=', '<', '<=', '>', '>='];

/** `$day` is a day, `$at` a wall clock, `$op` a comparison, `$unit` a unit of date_trunc, `$zone` a zone. */
const TEMPLATES = [
  "date_trunc('$unit', tz) $op timestamptz '$day'",
  "date_trunc('$unit', tz) $op timestamptz '$at'",
  "date_trunc('$unit', ts) $op timestamp '$day'",
  "date_trunc('$unit', ts) $op timestamp '$at'",
  "timestamp '$at' $op date_trunc('$unit', ts)",
  "date_trunc('$unit', d) $op timestamptz '$day'",
  "date_trunc('day', tz, '$zone') $op timestamptz '$day'",
  "date_trunc('day', tz at time zone '$zone') $op timestamp '$day'",
  "tz::date $op date '$day'",
  "ts::date $op date '$day'",
  "(tz at time zone '$zone')::date $op date '$day'",
  "tz::date in (date '$day', date '$day', null)",
  "tz::date between date '$day' and date '$day' + 40",
  "date_trunc('month', ts) in (timestamp '2024-03-01', timestamp '2018-11-01')",
  'extract(year from tz) $op 2024',
  'extract(year from ts) $op 2018.5',
  'id > 0 and extract(year from d)::int $op 2019',
  "date_part('year', tz at time zone '$zone') $op 2025",
  'extract(year from tz) = 2024 and extract(month from tz) = 10',
  'extract(month from ts) = 3 and 2024 = extract(year from ts)',
  "extract(epoch from tz) $op extract(epoch from timestamptz '$at')",
  'floor(extract(epoch from tz) / 3600) * 3600 $op 1729990800',
  'floor(extract(epoch from ts) / 86400) * 86400 $op 1709164800',
  "floor(date_part('epoch', tz) / 900) * 900 $op 1710054000",
  "tz at time zone '$zone' $op timestamp '$at'",
  "tz::timestamp $op timestamp '$at'",
  "tz + interval '1 day' $op timestamptz '$at'",
  "tz - interval '1 month 2 days' $op timestamptz '$at'",
  "tz + interval '90 minutes' $op timestamptz '$at'",
  "ts + interval '1 month' $op timestamp '$at'",
  "ts - interval '36 hours' $op timestamp '$at'",
  "d::timestamp $op timestamp '$at'",
];

describe('ranges of time predicates', function () {
  this.timeout(120_000);
  let postgres: EmbeddedPostgres;
  let oracle: Oracle;
  let names: CatalogueNames;
  let seed = 7;
  const pick = <T>(list: readonly T[]): T => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return list[Math.floor(seed / 65_536) % list.length] as T;
  };

  before(async () => {
    await loadParser();
    [postgres, oracle] = await Promise.all([EmbeddedPostgres.open({ imagePath: imagePath() }), Oracle.start()]);
    await postgres.setMirror([describe_('times', TIMES)]);
    names = await CatalogueNames.load(postgres);
    await oracle.run("set timezone = 'UTC'");
    await oracle.run('create table times (id int, ts timestamp, tz timestamptz, d date)');
    const days = DAYS.map((day) => `timestamp '${day}'`).join(', ');
    await oracle.run(
      `insert into times select row_number() over (), t, t at time zone 'UTC', t::date from (
         select day + step * interval '30 minutes' + slip * interval '1 microsecond' as t
         from unnest(array[${days}]) as day, generate_series(-60, 80) as step, generate_series(-1, 0) as slip) as q`,
    );
    await oracle.run("insert into times values (-1, 'infinity', 'infinity', 'infinity'), (-2, '-infinity', '-infinity', '-infinity')");
    await oracle.run("insert into times values (-3, null, null, null), (-4, '0001-05-05 BC', '0001-05-05 BC', '0001-05-05 BC')");
  });

  after(async () => {
    await postgres?.close();
    await oracle?.close();
  });

  for (const zone of ZONES) {
    it(`lose no row in ${zone}`, async () => {
      await oracle.run(`set timezone = '${zone}'`);
      let derived = 0;
      for (const template of TEMPLATES) {
        for (let n = 0; n < 4; n += 1) {
          const predicate = template
            .replaceAll('$day', () => pick(DAYS))
            .replaceAll('$at', () => `${pick(DAYS)} ${pick(['00:00', '01:30', '02:00', '10:15:00.5', '23:59:59.999999'])}`)
            .replaceAll('$op', () => pick(OPERATORS))
            .replaceAll('$unit', () => pick(['hour', 'day', 'week', 'month', 'quarter', 'year', 'decade', 'minute']))
            .replaceAll('$zone', () => pick(ZONES));
          const parts = await planned(predicate, zone);
          const ranges = parts.flatMap(rangeText);
          if (ranges.length > 0) derived += 1;
          const passing = await oracle.texts(`select id from times where ${predicate} order by id`);
          const within = await oracle.texts(`select id from times where ${ranges.join(' and ') || 'true'} order by id`);
          const known = new Set(within);
          const what = `${predicate} gave ${ranges.join(' and ')} in ${zone}`;
          assert.deepEqual(
            passing.filter((id) => !known.has(id)),
            [],
            `${what}, which loses rows`,
          );
          if (parts.length === ranges.length) assert.deepEqual(within, passing, `${what}, which is not the same`);
        }
      }
      assert.ok(derived > TEMPLATES.length * 3, `${derived} predicates gave ranges`);
    });
  }

  it('are tight where no offset changes', async () => {
    assert.deepEqual((await planned("date_trunc('day', tz) = '2025-07-01'", 'Europe/Berlin')).flatMap(rangeText), [
      "tz >= '2025-06-30 22:00:00+00'::timestamptz",
      "tz < '2025-07-01 22:00:00+00'::timestamptz",
    ]);
    assert.deepEqual((await planned('extract(year from d) = 2025', 'UTC')).flatMap(rangeText), [
      "d >= '2025-01-01'::date",
      "d < '2026-01-01'::date",
    ]);
  });

  /** The conjuncts that the plan filters by. */
  async function planned(predicate: string, zone: string): Promise<readonly PlanExpr[]> {
    const session = { user: 'test', database: 'timeline', searchPath: ['lake', 'public'], timeZone: zone, settings: {} };
    const tree = await postgres.analyse(`select id, ts, tz, d from times where ${predicate}`, [], session);
    const context = testContext(
      { times: TIMES },
      {
        session: { timeZone: zone, now: '1741000000000000', memoryLimit: 2 ** 28 },
        evaluate: (exprs) => postgres.evaluate(exprs, session),
      },
    );
    const plan = await planQuery({ query: readQuery(tree, names), parameters: [], context });
    columns = new Map();
    const parts: PlanExpr[] = [];
    for (const op of plan.stages.flatMap((stage) => [...operatorsIn(stage.root)])) {
      if (op.kind === 'scan') for (const field of fieldsOf(op)) columns.set(field.id, field.name);
      if (op.kind === 'filter') parts.push(...conjuncts<PlanLeaf>(op.predicate));
      if (op.kind === 'values') parts.push({ kind: 'constant', type: type(Oid.bool), value: 'false' });
    }
    return parts;
  }

  let columns = new Map<number, string>();

  /** A comparison of a column with a constant as SQL. */
  function rangeText(part: PlanExpr): readonly string[] {
    if (part.kind === 'constant') return ['false'];
    if (part.kind !== 'call' || part.operator === undefined) return [];
    const [a, b] = part.args;
    if (a?.kind !== 'column' || b?.kind !== 'constant' || columns.get(a.id) === 'id') return [];
    return [`${columns.get(a.id)} ${part.operator} '${b.value}'::${typeName(b.type)}`];
  }
});
