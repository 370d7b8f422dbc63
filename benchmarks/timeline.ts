import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { makeDemoLake } from '../src/events/demo-lake.js';
import { startDuckdb } from './duckdb-side.js';
import { machine, projectRoot } from './machine.js';
import { difference, type Measurement, measure, type Side } from './measure.js';
import { PEER_VERSIONS, type PeerName, peerPython, startPeer } from './peer-sides.js';
import { q4 } from './q4.js';
import { Q4_IGNORED, q4For } from './q4-peers.js';
import { q5 } from './q5.js';
import { q5For } from './q5-peers.js';
import { parquet } from './question.js';
import { type ComparedResult, type Comparison, type Outcome, printTimelineReport } from './timeline-report.js';
import { startTimeline, type TimelineSide } from './timeline-side.js';
import { dataFiles, makeUnorderedLake } from './unordered-lake.js';

const USAGE = `node dist/benchmarks/timeline.js [--rows 2e6] [--runs 3] [--only ordered,unordered,replay,digest,incremental] [--cache FOLDER] [--out FILE]
  TIMELINE() beside DuckDB, ClickHouse (chDB) and Polars: Q5 on ordered and unordered files, Q4; sums against spans; a day against the month
  --cache  where lakes and the peers' Python are made and kept (default: TIMELINE_BENCH_CACHE, or timeline-bench in the temporary folder)
  --out    default benchmarks/TIMELINE.md`;

const root = projectRoot();
const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '2e6' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string' },
    cache: { type: 'string', default: process.env['TIMELINE_BENCH_CACHE'] ?? join(tmpdir(), 'timeline-bench') },
    out: { type: 'string', default: join(root, 'benchmarks', 'TIMELINE.md') },
    help: { type: 'boolean', default: false },
  },
});
const runs = Number(options.runs);
const NO_FACTS = { files: [], session: '', from: '', to: '' };
if (options.help) say(USAGE);
else process.exitCode = await main();

async function main(): Promise<number> {
  const rows = Number(options.rows);
  const folder = mkdtempSync(join(tmpdir(), 'timeline-bench-run-'));
  const sides: Side[] = [];
  try {
    const lake = await makeDemoLake({
      folder: join(options.cache, `lake-${rows}`),
      rows,
      onProgress: ({ day, days, rows: made }) => say(`making the lake: day ${day} of ${days}, ${made} events`),
    });
    const ordered = await dataFiles(join(options.cache, `lake-${rows}`, 'warehouse', 'lake', 'events', 'data'));
    const shuffled = await makeUnorderedLake({
      folder: join(options.cache, `unordered-${rows}`),
      files: ordered,
      onProgress: (file, files) => say(`shuffling the lake: file ${file} of ${files}`),
    });
    const catalog = (made: { catalogUri: string; catalogName: string; warehouse: string }, more: object) => ({
      type: 'iceberg',
      catalog: { type: 'sql', uri: made.catalogUri, warehouse: made.warehouse, name: made.catalogName },
      ...more,
    });
    const timeline = await startTimeline({
      root,
      folder,
      catalogs: { ordered: catalog(lake, { locations: lake.locations }), unordered: catalog(shuffled, { prefix: 'shuffled_' }) },
      temporal: false,
    });
    sides.push(timeline);
    const peers = await startPeers(sides);
    const results: ComparedResult[] = [];
    const shuffledFiles = await dataFiles(join(shuffled.folder, 'warehouse'));
    await timeline.ask('SET timeline.carry = off');
    if (asked('ordered'))
      results.push(await compare('Q5, ordered: a file a day, sorted by time', 'ordered', q5Asked('lake', ordered), timeline, peers));
    if (asked('unordered')) {
      const title = 'Q5, unordered: 31 files, each with events of the whole month, shuffled';
      results.push(await compare(title, 'unordered', q5Asked('shuffled_lake', shuffledFiles), timeline, peers));
    }
    if (asked('replay')) {
      for (const [schema, files, layout] of [
        ['lake', ordered, 'ordered'],
        ['shuffled_lake', shuffledFiles, 'unordered'],
      ] as const) {
        const question = await q4Asked(schema, files, peers.duckdb);
        results.push(await compare(`Q4, ${layout}: ${q4.title}`, 'replay', question, timeline, peers));
      }
    }
    const digest = asked('digest') ? await sumsAndSpans(timeline) : [];
    const incremental = asked('incremental') ? await dayAndMonth(timeline) : [];
    const facts: (readonly [string, string])[] = [
      ...machine(root),
      [
        'peers',
        Object.entries(PEER_VERSIONS)
          .map(([name, version]) => `${name} ${version}`)
          .join(', '),
      ],
      ['data', `${lake.rows} events of ${lake.sessions} sessions in a month`],
      ['load at the end (1 minute)', (loadavg()[0] ?? 0).toFixed(1)],
    ];
    writeFileSync(options.out, printTimelineReport({ facts, results, digest, incremental, missing: peers.missing }));
    say(`written: ${options.out}`);
    const all = [...results.flatMap(({ outcomes }) => outcomes), ...digest, ...incremental];
    return all.every((outcome) => !('error' in outcome) && outcome.difference === undefined) ? 0 : 1;
  } finally {
    for (const side of sides.reverse()) await side.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Peers {
  readonly duckdb: Side;
  readonly others: ReadonlyMap<PeerName, Side>;
  /** Why a peer is not there. */
  readonly missing: readonly string[];
}

async function startPeers(sides: Side[]): Promise<Peers> {
  const duckdb = await startDuckdb();
  sides.push(duckdb);
  const python = await peerPython(options.cache);
  const others = new Map<PeerName, Side>();
  const missing: string[] = [];
  for (const name of Object.keys(PEER_VERSIONS) as PeerName[]) {
    if (python === undefined) {
      missing.push(`${name}: its Python environment cannot be made here`);
      continue;
    }
    try {
      const side = await startPeer(name, { python, root });
      others.set(name, side);
      sides.push(side);
    } catch (error) {
      missing.push(`${name}: ${String(error)}`);
    }
  }
  for (const line of missing) say(`not measured: ${line}`);
  return { duckdb, others, missing };
}

/** One question in everybody's words. */
interface AskedQuestion {
  readonly ours: string;
  readonly duckdb: readonly string[];
  readonly peer: (name: PeerName) => readonly string[];
  /** Columns that a peer (not DuckDB) writes differently. */
  readonly ignored: readonly string[];
}

function q5Asked(schema: string, files: readonly string[]): AskedQuestion {
  const facts = { ...NO_FACTS, files };
  const ours = q5.timeline(facts).replaceAll('lake.events', `${schema}.events`);
  return { ours, duckdb: q5.duckdb(facts), peer: (name) => q5For(name, files), ignored: [] };
}

/** Ten minutes of a session of ordinary length, from its first event on. */
async function q4Asked(schema: string, files: readonly string[], duckdb: Side): Promise<AskedQuestion> {
  const sessions = await duckdb.ask(`SELECT session_id FROM ${parquet(files)} GROUP BY 1 ORDER BY abs(count(*) - 100), 1 LIMIT 1`);
  const session = String(sessions.rows[0]?.[0]);
  const span = await duckdb.ask(
    `SELECT min(ts)::VARCHAR, (min(ts) + INTERVAL 10 MINUTE)::VARCHAR FROM ${parquet(files)} WHERE session_id = '${session}'`,
  );
  const facts = { files, session, from: String(span.rows[0]?.[0]), to: String(span.rows[0]?.[1]) };
  const ours = q4.timeline(facts).replaceAll('lake.events', `${schema}.events`);
  return { ours, duckdb: q4.duckdb(facts), peer: (name) => q4For(name, facts), ignored: Q4_IGNORED };
}

/** A question answered by everybody; answers are compared with ours before anything counts. */
async function compare(
  title: string,
  goal: ComparedResult['goal'],
  question: AskedQuestion,
  timeline: Side,
  peers: Peers,
): Promise<ComparedResult> {
  say(title);
  const ours = await outcome(timeline, [question.ours], undefined);
  const answer = 'error' in ours ? undefined : ours.measurement;
  const outcomes = [ours, await outcome(peers.duckdb, question.duckdb, answer)];
  for (const [name, side] of peers.others) outcomes.push(await outcome(side, question.peer(name), answer, question.ignored));
  return { title, goal, outcomes };
}

/** The formulation with the least CPU, measured `runs` times. */
async function outcome(
  side: Side,
  texts: readonly string[],
  ours: Measurement | undefined,
  ignored: readonly string[] = [],
): Promise<Outcome> {
  try {
    let best: { text: string; cpu: number } | undefined;
    for (const text of texts.length > 1 ? texts : []) {
      const tried = await measure(side, text, 1);
      const differs = ours === undefined ? undefined : difference(ours.answer, tried.answer, ignored);
      if (differs !== undefined) throw new Error(`a formulation answers differently: ${differs}`);
      if (best === undefined || tried.best.meanCpu < best.cpu) best = { text, cpu: tried.best.meanCpu };
    }
    const measurement = await measure(side, best?.text ?? texts[0] ?? '', runs);
    const differs = ours === undefined ? undefined : difference(ours.answer, measurement.answer, ignored);
    say(
      `${side.name}: CPU ${measurement.best.meanCpu.toFixed(0)} ms, wall ${measurement.best.wall.toFixed(0)} ms${differs === undefined ? '' : `, DIFFERS: ${differs}`}`,
    );
    return { name: side.name, measurement, difference: differs };
  } catch (error) {
    say(`${side.name}: ${String(error)}`);
    return { name: side.name, error: error instanceof Error ? error.message : String(error) };
  }
}

/** The same sum from spans that are added up in the operator, and from spans that are rows. */
async function sumsAndSpans(timeline: TimelineSide): Promise<readonly Comparison[]> {
  const sums = q5.timeline(NO_FACTS);
  // Nothing of the query above may move below a LIMIT.
  const spans = sums
    .replace('FROM timeline(', 'FROM (SELECT * FROM timeline(')
    .replace(/\) AS t\s+WHERE/, ') AS s LIMIT 1000000000000) AS t\nWHERE');
  return inTurn(timeline, [
    ['sums in the operator', sums],
    ['spans as rows, then summed', spans],
  ]);
}

/** The last day alone: with everything before it read anew, and with the state that the day before left. */
async function dayAndMonth(timeline: TimelineSide): Promise<readonly Comparison[]> {
  const month = q5.timeline(NO_FACTS);
  const day = (since: string, until: string): string => month.replace(/until => '[^']*'/, `since => '${since}', until => '${until}'`);
  const last = day('2025-03-31 00:00:00+00', '2025-04-01 00:00:00+00');
  await timeline.ask('SET timeline.carry = off');
  const [whole] = await inTurn(timeline, [['the month', month]]);
  const [anew] = await inTurn(timeline, [['the last day, all days before it read', last]]);
  await timeline.ask('SET timeline.carry = on');
  // As a query of every morning would have it.
  await timeline.ask(day('2025-03-30 00:00:00+00', '2025-03-31 00:00:00+00')).catch((error: unknown) => say(String(error)));
  const [carried] = await inTurn(timeline, [['the last day, from the state kept of the days before', last]]);
  await timeline.ask('SET timeline.carry = off');
  if (anew === undefined || carried === undefined || whole === undefined) return [];
  const differs = 'error' in anew || 'error' in carried ? undefined : difference(anew.measurement.answer, carried.measurement.answer, []);
  return [whole, anew, 'error' in carried ? carried : { ...carried, difference: differs }];
}

/** The first one's answer is the one to agree with. */
async function inTurn(timeline: TimelineSide, texts: readonly (readonly [title: string, sql: string])[]): Promise<Comparison[]> {
  const done: Comparison[] = [];
  let first: Measurement | undefined;
  for (const [title, sql] of texts) {
    say(title);
    const measured = await outcome(timeline, [sql], first);
    if (!('error' in measured)) first ??= measured.measurement;
    done.push({ ...measured, name: title });
  }
  return done;
}

function asked(part: string): boolean {
  return options.only === undefined || options.only.split(',').includes(part);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
