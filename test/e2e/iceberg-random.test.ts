import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { NO_METER } from '../connectors/iceberg-fixtures.js';
import { type Digest, type RandomTable, type TableWriter, tableWriters } from '../connectors/random-tables.js';
import { canonicalRows, digest } from '../connectors/relation-rows.js';
import { cases } from '../support/cases.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { type Asked, likeness, openAsked, shown } from './asked.js';
import { type Columns, randomFilter } from './iceberg-random.js';
import { keyPaths, randomAccess } from './iceberg-random-paths.js';
import { Dice } from './oracle-dice.js';

/** One seed that stays, and another each time; ICEBERG_SEED repeats it. */
const FRESH = Number(process.env['ICEBERG_SEED'] ?? Date.now() % 1_000_000);
const TABLES = cases('ICEBERG_TABLES', { usual: 20, full: 40 });
const ROUNDS = cases('ICEBERG_ROUNDS', { usual: 200, full: 500 });

/**
 * Histories by Iceberg's own implementations: each snapshot reads as it does there (Java: with delete files, deletion vectors, Avro,
 * upgrades), and no filter's pushdown changes an answer.
 */
describe('random Iceberg tables', function () {
  this.timeout(900_000);
  let writers: readonly TableWriter[];
  let home: Awaited<ReturnType<typeof tempFolder>>;

  before(async () => {
    writers = await tableWriters();
    home = await tempFolder('iceberg-random');
  });
  after(() => home?.remove());

  for (const [name, seed, tables, rounds] of [
    ['Java', 1, TABLES, ROUNDS / 2],
    ['pyiceberg', 1, TABLES, ROUNDS / 2],
    ['Java', FRESH, Math.ceil(TABLES / 4), ROUNDS / 10],
    ['pyiceberg', FRESH, Math.ceil(TABLES / 4), ROUNDS / 10],
  ] as const) {
    describe(`by ${name}, seed ${seed}`, () => {
      let folder: string;
      let catalog: ReturnType<TableWriter['catalog']>;
      let made: readonly RandomTable[];
      let server: TimelineServer | undefined;
      let asked: Asked;

      before(async function () {
        const writer = writers.find((one) => one.name === name);
        if (writer === undefined) return this.skip();
        folder = join(home.path, `${name}-${seed}`);
        await writer.write(folder, seed, tables);
        catalog = writer.catalog(folder);
        made = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as RandomTable[];
        const config = { catalogs: { random: { type: 'iceberg', catalog } }, temporal: 'off' };
        server = await startTimeline({ home: join(folder, 'home'), config: JSON.stringify(config) });
        asked = await openAsked(server);
      });
      after(async () => {
        await asked?.close();
        await server?.stop();
      });

      it(`${tables} tables read as by their writer, now and at every snapshot`, async () => {
        const config = { catalog, locations: {} };
        const cache = { cacheFolder: join(folder, 'cache'), cacheBytes: 1 << 30 };
        const connector = await IcebergConnector.open({ name: 'random', config, ...cache });
        const wrong: string[] = [];
        let compared = 0;
        try {
          for (const table of made) {
            const metadata = await readMetadata(table.metadata);
            const now: [string | undefined, Digest | null] = [undefined, table.current];
            for (const [asOf, expected] of [now, ...table.snapshots.map(({ id, rows }) => [id, rows] as const)]) {
              if (expected === null) continue;
              compared++;
              const told = await differs(connector, table, metadata, asOf, expected);
              if (told !== undefined)
                wrong.push(`${table.table} at ${asOf ?? 'now'}: ${told}\n  v${table.format}: ${table.operations.join('; ')}`);
            }
          }
        } finally {
          await connector.close();
        }
        assert.ok(compared > tables * 2, `only ${compared} versions were compared`);
        assert.ok(wrong.length === 0, `${wrong.length} of ${compared} versions\n${wrong.slice(0, 10).join('\n')}`);
      });

      it(`${rounds / 2} reads of members give what reading whole columns gives`, async () => {
        const wrong: string[] = [];
        let filled = 0;
        let alone = 0;
        const nested = await nestedColumns(asked, made);
        for (let round = 0; round < rounds / 2; round++) {
          const dice = new Dice(seed * 9_000_011 + round);
          const { table, column, paths } = dice.pick(nested);
          const access = (): string => `(${randomAccess(dice, column, paths)})::text`;
          const where = dice.chance(0.4) ? '' : ` WHERE ${access()} ${dice.pick(['IS NULL', 'IS NOT NULL', "> '3'", "<= 'm'", "= '7'"])}`;
          const items = [access(), access()].join(', ');
          const grouped = dice.chance(0.3);
          const rest = grouped ? ' GROUP BY 1, 2' : dice.chance(0.3) ? ' ORDER BY 1, 2' : '';
          const member = `SELECT ${items} FROM db.${table}${where}${rest}`;
          // The whole column is needed here, so its members are taken from it.
          const whole = `SELECT ${items}, ${column} FROM db.${table}${where}${grouped ? '' : rest}`;
          const [a, all, plan] = await asked.askAll([{ sql: member }, { sql: whole }, { sql: `EXPLAIN ${member}` }]);
          const b = all?.kind === 'rows' ? { ...all, rows: pairs(all.rows, grouped) } : all;
          if (a === undefined || b === undefined || plan === undefined) throw new Error('a question was not asked');
          if (b.kind === 'rows' && b.rows.some((row) => row.some((value) => value !== null))) filled++;
          if (plan.kind === 'rows' && plan.rows.some(([line]) => /^ *Scan .*->/.test(line ?? ''))) alone++;
          if (a.kind === 'error' || likeness(a, b, false) !== 'same') wrong.push(`${member}\n  ${shown(a)}\n  whole ${shown(b)}`);
        }
        assert.ok(wrong.length === 0, `${wrong.length} of ${rounds / 2} reads\n${wrong.slice(0, 10).join('\n')}`);
        assert.ok(filled > rounds / 8, `only ${filled} reads gave a value`);
        assert.ok(alone > rounds / 8, `only ${alone} plans read members`);
      });

      it(`${rounds} filters give what they give without pushdown`, async () => {
        const wrong: string[] = [];
        let selective = 0;
        const columns = new Map<string, Columns>();
        for (let round = 0; round < rounds; round++) {
          const dice = new Dice(seed * 7_000_003 + round);
          const { table } = dice.pick(made);
          const known = columns.get(table) ?? (await columnsOf(asked, table));
          columns.set(table, known);
          const filter = randomFilter(dice, known);
          const pushed = `SELECT * FROM db.${table} WHERE ${filter}`;
          // Without a WHERE nothing can be pushed: which rows pass is a column.
          const whole = `SELECT (${filter}) IS TRUE, * FROM db.${table}`;
          const counted = `SELECT count(*) FROM db.${table} WHERE ${filter}`;
          const [a, all, c] = await asked.askAll([{ sql: pushed }, { sql: whole }, { sql: counted }]);
          const b = all?.kind === 'rows' ? { ...all, rows: all.rows.filter(([kept]) => kept === 't').map((row) => row.slice(1)) } : all;
          if (a === undefined || b === undefined || c === undefined) throw new Error('a question was not asked');
          if (a.kind === 'rows' && c.kind === 'rows' && c.rows[0]?.[0] !== String(a.rows.length))
            wrong.push(`${counted}: ${c.rows[0]?.[0]}, rows ${a.rows.length}`);
          if (b.kind === 'rows' && b.rows.length > 0) selective++;
          if (a.kind === 'error' || likeness(a, b, false) === 'different')
            wrong.push(`${pushed}\n  ${shown(a)}\n  without pushdown ${shown(b)}`);
        }
        assert.ok(selective > rounds / 4, `only ${selective} filters let a row through`);
        assert.ok(wrong.length === 0, `${wrong.length} of ${rounds} filters\n${wrong.slice(0, 10).join('\n')}`);
      });
    });
  }
});

async function nestedColumns(
  asked: Asked,
  tables: readonly RandomTable[],
): Promise<{ table: string; column: string; paths: readonly (readonly string[])[] }[]> {
  const found: Awaited<ReturnType<typeof nestedColumns>> = [];
  for (const { table } of tables) {
    for (const { name, type, values } of await columnsOf(asked, table)) {
      const paths = type === 'jsonb' ? keyPaths(values.map((text) => JSON.parse(text) as unknown)) : [];
      if (paths.length > 0) found.push({ table, column: `"${name}"`, paths });
    }
  }
  return found;
}

/** The first two values of each row; `distinct`: each pair once. */
function pairs(rows: readonly (readonly (string | null)[])[], distinct: boolean): readonly (readonly (string | null)[])[] {
  const texts = rows.map((row) => JSON.stringify(row.slice(0, 2)));
  return (distinct ? [...new Set(texts)] : texts).map((text) => JSON.parse(text) as (string | null)[]);
}

async function columnsOf(asked: Asked, table: string): Promise<Columns> {
  const typed = await asked.ask(
    `SELECT a.attname, format_type(a.atttypid, NULL) FROM pg_attribute a WHERE a.attrelid = 'db.${table}'::regclass AND a.attnum > 0 ORDER BY a.attnum`,
  );
  if (typed.kind === 'error') throw new Error(`${table}: ${typed.message}`);
  const found: { name: string; type: string; values: string[] }[] = [];
  for (const [name, type] of typed.rows) {
    if (name == null || type == null) throw new Error(`${table}: a column without a name`);
    const values = await asked.ask(`SELECT DISTINCT "${name}"::text FROM db.${table} WHERE "${name}" IS NOT NULL ORDER BY 1 LIMIT 40`);
    if (values.kind === 'error') throw new Error(`${table}.${name}: ${values.message}`);
    found.push({ name, type, values: values.rows.map(([value]) => value ?? '') });
  }
  return found;
}

type Metadata = {
  schemas: { 'schema-id': number; fields: { type: unknown }[] }[];
  'current-schema-id': number;
  snapshots?: { 'schema-id'?: number }[];
};

async function readMetadata(location: string): Promise<{ json: Metadata; text: string }> {
  const bytes = await readFile(location.replace(/^file:\/*/, '/'));
  const text = (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('utf8');
  return { json: JSON.parse(text.replace(/("[a-z-]*snapshot-id"\s*:\s*)(-?\d+)/g, '$1"$2"')) as Metadata, text };
}

/** What is different in a version of the table; undefined: nothing. */
async function differs(
  connector: IcebergConnector,
  { table }: RandomTable,
  { json }: { json: Metadata },
  asOf: string | undefined,
  expected: Digest,
): Promise<string | undefined> {
  const name = { schema: 'db', table };
  const { signal } = new AbortController();
  try {
    const described = await connector.describe(name, signal, asOf);
    if (described === undefined) return 'there is no such table';
    const pinned = await connector.pin(name, asOf, signal);
    const { splits } = await connector.splits(pinned.handle, signal);
    const readable = await connector.read(
      JSON.parse(JSON.stringify(pinned.handle)),
      splits.map((split) => JSON.parse(JSON.stringify(split.data)) as unknown),
      { columns: described.columns, meter: NO_METER, signal },
    );
    const snapshot = (json.snapshots as { 'snapshot-id': string; 'schema-id'?: number }[] | undefined)?.find(
      (one) => one['snapshot-id'] === asOf,
    );
    const schemaId = (asOf === undefined ? undefined : snapshot?.['schema-id']) ?? json['current-schema-id'];
    const types = json.schemas.find((schema) => schema['schema-id'] === schemaId)?.fields.map((field) => field.type) ?? [];
    const rows = await canonicalRows({ readable, columns: described.columns, types });
    if (described.columns.map((column) => column.name).join() !== expected.columns.join())
      return `columns ${described.columns.map((column) => column.name).join()}`;
    if (rows.length === expected.rows && digest(rows) === expected.sha256) return undefined;
    return `${rows.length} rows, not ${expected.rows}\n  ${rows.slice(0, 2).join('\n  ')}\n  in Java\n  ${expected.first.map((row) => JSON.stringify(row)).join('\n  ')}`;
  } catch (error) {
    return String(error);
  }
}
