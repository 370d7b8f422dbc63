import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { openLogsClient } from '../../connectors/victorialogs/client/http-client.js';
import type { LogsClient } from '../../connectors/victorialogs/client/logs-client.js';
import { tableKey } from '../../connectors/victorialogs/index/layout.js';
import { LogsTableIndex } from '../../connectors/victorialogs/index/table-index.js';
import { cases } from '../support/cases.js';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';
import { Random } from '../timeline/random.js';
import { altered, FaultyLogsClient, ghost } from './faulty-logs-client.js';
import { INDEXED, IndexTestTable, MemoryRecords } from './index-test-table.js';
import { testRows } from './logs-documents.js';
import { OWN_COLUMNS, PredicateMaker, type RandomPredicate, tableSql } from './logs-predicates.js';

const SEED = 20;
const BATCH = 20;
/** A search that takes longer is a scan. */
const TIMEOUT_MS = 600;

const SENT = ['drop', 'drop_all', 'double', 'alter', 'ghosts'] as const;
const ANSWERED = ['half', 'none', 'more', 'broken', 'slow'] as const;
const LATER = ['ghosts later', 'doubled later', 'altered later'] as const;
const LIVES = ['restarted', 'emptied', 'killed before its flush', 'killed in a build', 'retention'] as const;
const OTHERS = ['certificates', 'cut off', 'nonsense with 200'] as const;
type Fault = (typeof SENT)[number] | (typeof ANSWERED)[number] | (typeof LATER)[number] | (typeof LIVES)[number] | (typeof OTHERS)[number];

const NEEDS_COVER: ReadonlySet<Fault | undefined> = new Set<Fault>([...ANSWERED, ...LATER, ...OTHERS]);

describe('With an index and without: the same rows, whatever happens to it', function () {
  this.timeout(3_600_000);
  let server: LogsServer;
  let proxy: FaultProxy;
  let postgres: EmbeddedPostgres;
  let client: LogsClient;
  const rows = testRows(40);
  const random = new Random(SEED);

  before(async function () {
    const started = await startVictoriaLogs({ own: true });
    if (started === undefined) return this.skip();
    server = started;
    proxy = await startFaultProxy(server.url);
    client = await openLogsClient({ name: 'logs', config: server.config({ url: proxy.endpoint }) });
    postgres = await EmbeddedPostgres.start();
    await postgres.run(tableSql('events', OWN_COLUMNS));
    const names = [...OWN_COLUMNS.keys()];
    for (let at = 0; at < rows.length; at += 50) {
      const tuples = rows
        .slice(at, at + 50)
        .map(
          (row) =>
            `(${[row['id'], ...names.map((name) => (row[name] == null ? 'NULL' : `'${row[name].replaceAll("'", "''")}'`))].join(', ')})`,
        );
      await postgres.run(`INSERT INTO events VALUES ${tuples.join(', ')}`);
    }
  });

  after(async () => {
    await client?.close();
    await proxy?.close();
    await server?.close();
    await postgres?.close();
  });

  /** The ids of the rows that pass, by PostgreSQL. */
  async function passing(predicates: readonly RandomPredicate[]): Promise<ReadonlySet<number>[]> {
    const items = predicates.map(({ sql }) => `array_to_string(array_agg(id) FILTER (WHERE ${sql}), ' ')`);
    const [row] = await postgres.rows(`SELECT ${items.join(', ')} FROM events`);
    return (row ?? []).map((ids) => new Set(ids === null ? [] : ids.toString('utf8').split(' ').map(Number)));
  }

  interface Setup {
    readonly table: IndexTestTable;
    readonly records: MemoryRecords;
    readonly faulty: FaultyLogsClient;
    readonly index: LogsTableIndex;
  }
  let uuids = 0;
  /** Row numbers that no file has make every search of them a scan. */
  const haunted = new Set<IndexTestTable>();

  function newTable(records = new MemoryRecords()): Setup {
    const table = IndexTestTable.of(`uuid-${++uuids}`);
    for (let at = 0, file = 0; at < rows.length; file++) {
      const size = 20 + random.below(150);
      table.add(`file-${file}`, rows.slice(at, at + size));
      at += size;
    }
    return { table, records, ...gateway(records) };
  }

  function gateway(records: MemoryRecords): Pick<Setup, 'faulty' | 'index'> {
    const faulty = new FaultyLogsClient(client, random);
    const indexes = [{ schema: 'lake', table: 'events', columns: INDEXED, time: 'at', streams: random.chance(50) ? ['b'] : [] }];
    return {
      faulty,
      index: new LogsTableIndex({ name: 'logs', place: 'here', client: faulty, records, indexes, timeout: TIMEOUT_MS, settle: 1 }),
    };
  }

  const fired = new Map<Fault, number>();
  const fire = (fault: Fault, times = 1): void => void fired.set(fault, (fired.get(fault) ?? 0) + times);
  const documents = ({ table }: Setup) => server.query(`"_t":="${tableKey(table.identity.table)}" `);

  /** Start times are told in whole seconds. */
  async function restart(options: Parameters<LogsServer['restart']>[0] = {}): Promise<void> {
    await sleep(1100);
    await server.restart(options);
  }

  async function flushed(): Promise<void> {
    await server.flush();
  }

  /** Makes it happen; gives the table to go on with. */
  async function happen(fault: Fault, setup: Setup): Promise<Setup> {
    const { table, index, records } = setup;
    switch (fault) {
      case 'drop':
      case 'drop_all':
      case 'double':
      case 'alter':
      case 'ghosts': {
        const made = newTable();
        made.faulty.sending = fault;
        made.faulty.percent = random.pick([5, 30, 60, 95]);
        await made.index.build(made.table.buildRequest());
        made.faulty.sending = undefined;
        fire(fault, made.faulty.fired.get(fault) ?? 0);
        await setup.index.close();
        return made;
      }
      case 'ghosts later':
      case 'doubled later':
      case 'altered later': {
        const all = await documents(setup);
        const some = all.filter(() => random.chance(10)).map(({ _stream, _stream_id, ...document }) => document);
        const change = { 'ghosts later': ghost, 'doubled later': (one: (typeof some)[number]) => one, 'altered later': altered }[fault];
        await server.insert(
          some.map((document) => change(document, random)),
          ['_t'],
        );
        fire(fault, some.length);
        if (fault === 'ghosts later') haunted.add(setup.table);
        return setup;
      }
      case 'restarted':
        await restart();
        fire(fault);
        return setup;
      case 'emptied': {
        const before = (await documents(setup)).length;
        await restart({ empty: true });
        if ((await documents(setup)).length < before) fire(fault);
        return setup;
      }
      case 'killed before its flush':
      case 'killed in a build': {
        await sleep(1100);
        const made = newTable();
        const abort = new AbortController();
        const building = made.index.build(made.table.buildRequest(abort.signal));
        if (fault === 'killed before its flush') await building;
        else await sleep(random.below(60));
        const before = (await documents(made)).length;
        await server.kill();
        await building.catch(() => undefined);
        await server.restart();
        const after = (await documents(made)).length;
        if (fault === 'killed in a build' || after < before) fire(fault);
        await setup.index.close();
        return made;
      }
      case 'retention': {
        const before = (await documents(setup)).length;
        await restart({ retention: '30d' });
        if ((await documents(setup)).length < before) fire(fault);
        return setup;
      }
      case 'certificates': {
        const keys = [...records.objects.keys()];
        for (const key of keys) {
          const bytes = Buffer.from(records.objects.get(key) ?? []);
          const at = random.below(bytes.length);
          const damage = [
            () => bytes.subarray(0, at),
            () => Buffer.alloc(0),
            () => Buffer.concat([bytes, bytes]),
            () => Buffer.from(bytes.map((byte, n) => (n === at ? byte ^ 1 : byte))),
            () => Buffer.from(bytes.toString('utf8').replace(/"rows":\d+|,(\d+),/, ',99,')),
            () => Buffer.from('null\n'),
          ];
          if (key === keys[0] || random.chance(70)) {
            records.objects.set(key, random.pick(damage)());
            fire(fault);
          } else if (random.chance(50)) records.objects.delete(key);
        }
        await index.close();
        // What a gateway has read, it knows; another one reads what is there now.
        return { table, records, ...gateway(records) };
      }
      default:
        return setup;
    }
  }

  /** The same table, or a new one where ghosts keep it from being covered. */
  async function covered(setup: Setup): Promise<Setup> {
    if (!haunted.has(setup.table) && (await setup.index.build(setup.table.buildRequest())).uncovered === 0) return setup;
    await setup.index.close();
    const made = newTable();
    await made.index.build(made.table.buildRequest());
    return made;
  }

  it('2,000 random queries in full', async () => {
    const total = cases('LOGS_INDEX_FAULTS', { usual: 440, full: 2000 });
    const values = new Map([...OWN_COLUMNS.keys()].map((name) => [name, rows.map((row) => row[name]).filter((value) => value != null)]));
    // Only what has documents, most of the time.
    const maker = new PredicateMaker(random, new Map(INDEXED.map((name) => [name, OWN_COLUMNS.get(name)!])), values);
    const anything = new PredicateMaker(random, OWN_COLUMNS, values);
    const faults: readonly (Fault | undefined)[] = [undefined, ...SENT, ...ANSWERED, ...LATER, ...LIVES, ...OTHERS];
    const reasons = new Map<string, number>();
    let setup = newTable();
    let [narrowed, left, all, done] = [0, 0, 0, 0];
    await setup.index.build(setup.table.buildRequest());
    for (let round = 0; done < total; round++) {
      const fault = faults[round % faults.length];
      // What happens to searches shows only where there are some.
      if (NEEDS_COVER.has(fault)) setup = await covered(setup);
      if (fault !== undefined) setup = await happen(fault, setup);
      const { table, index, faulty } = setup;
      const count = Math.min(fault === 'slow' ? 4 : BATCH, total - done);
      const predicates = Array.from({ length: count }, () => (random.chance(85) ? maker : anything).predicate(2));
      const expected = await passing(predicates);
      faulty.answering = ANSWERED.find((one) => one === fault);
      for (const [n, { expr, sql }] of predicates.entries()) {
        if (fault === 'cut off') proxy.once({ kind: 'cut', after: random.below(200) }, ({ url = '' }) => url.startsWith('/select'));
        if (fault === 'nonsense with 200') proxy.once({ kind: 'answer', status: 200 }, () => random.chance(50));
        const found = await index.candidates(table.request([expr]));
        left += table.check(found, expected[n]!, () => `${sql}, after ${fault}, round ${round}`);
        all += rows.length;
        if (found.kind === 'narrowed') narrowed++;
        else reasons.set(found.reason, (reasons.get(found.reason) ?? 0) + 1);
        // Certificates are checked again in the background, and some time it is done.
        if (random.chance(10)) await sleep(30);
      }
      done += count;
      faulty.answering = undefined;
      for (const one of ANSWERED) if (one === fault) fire(one, faulty.fired.get(one) ?? 0);
      if (fault === 'cut off') fire(fault, proxy.fired.filter((kind) => kind === 'cut').length);
      if (fault === 'nonsense with 200') fire(fault, proxy.fired.filter((kind) => kind === 'answer').length);
      proxy.clear();
      if (fault === 'retention') await restart();
      if (fault === undefined || random.chance(70)) {
        await flushed();
        await setup.index.build(table.buildRequest()).catch(() => undefined);
      }
    }
    await setup.index.close();
    const summary = JSON.stringify({ done, narrowed, left, all, fired: [...fired], reasons: [...reasons] });
    if (process.env['LOGS_INDEX_SUMMARY'] !== undefined) process.stdout.write(`${summary}\n`);
    for (const fault of faults) if (fault !== undefined) assert.ok((fired.get(fault) ?? 0) > 0, `${fault} never happened: ${summary}`);
    // An index that is never used proves nothing.
    assert.ok(narrowed > total / 6 && left < all * 0.95, summary);
  });
});
