import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeDemoLake } from '../src/events/demo-lake.js';
import { measureDelivery } from './delivery.js';
import { startDuckdb } from './duckdb-side.js';
import { machine, projectRoot } from './machine.js';
import type { Measurement, Side } from './measure.js';
import { difference, idleCpu, measure } from './measure.js';
import { q1 } from './q1.js';
import { q2 } from './q2.js';
import { q3 } from './q3.js';
import { q4 } from './q4.js';
import { q5 } from './q5.js';
import { q6 } from './q6.js';
import { measureBytes } from './q7.js';
import { measurePlanning } from './q10.js';
import type { Question, QuestionFacts } from './question.js';
import { parquet } from './question.js';
import type { QuestionResult } from './report.js';
import { printReport } from './report.js';
import type { TimelineSide } from './timeline-side.js';
import { startTimeline } from './timeline-side.js';

const USAGE = `npm run bench -- [--rows 2e6] [--runs 5] [--only Q1,Q5] [--cache FOLDER] [--out FILE] [--no-temporal]
  --cache  where the lake is made and kept (default: TIMELINE_BENCH_CACHE, or timeline-bench in the temporary folder)
  --out    default benchmarks/RESULTS.md`;
const QUESTIONS = [q1, q2, q3, q4, q5, q6];
/** A durable engine that has to be downloaded or built is waited for so long. */
const TEMPORAL_WAIT_MS = 60_000;

const root = projectRoot();
const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '2e6' },
    runs: { type: 'string', default: '5' },
    only: { type: 'string' },
    cache: { type: 'string', default: process.env['TIMELINE_BENCH_CACHE'] ?? join(tmpdir(), 'timeline-bench') },
    out: { type: 'string', default: join(root, 'benchmarks', 'RESULTS.md') },
    'no-temporal': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) say(USAGE);
else process.exitCode = await main();

async function main(): Promise<number> {
  const rows = Number(options.rows);
  const questions = QUESTIONS.filter(({ id }) => asked(id));
  const lake = await makeDemoLake({
    folder: join(options.cache, `lake-${rows}`),
    rows,
    onProgress: ({ day, days, rows: made }) => say(`making the lake: day ${day} of ${days}, ${made} events`),
  });
  const folder = mkdtempSync(join(tmpdir(), 'timeline-bench-run-'));
  const sides: Side[] = [];
  try {
    const duckdb = await startDuckdb();
    sides.push(duckdb);
    const facts = await readFacts(duckdb, join(options.cache, `lake-${rows}`, 'warehouse', 'lake', 'events', 'data'));
    const catalog = { type: 'sql', uri: lake.catalogUri, warehouse: lake.warehouse, name: lake.catalogName };
    const catalogs = { bench: { type: 'iceberg', catalog, locations: lake.locations } };
    const timeline = await startTimeline({ root, folder, catalogs, temporal: !options['no-temporal'] });
    sides.push(timeline);
    const idle = await idleCpu(timeline);
    await timeline.use('local');
    const results: QuestionResult[] = [];
    for (const question of questions) results.push(await compare(question, facts, timeline, duckdb));
    const delivery = asked('Q9') ? await measureDelivery(timeline, Number(options.runs)) : [];
    const remote = asked('Q7') ? await measureBytes(options.cache, say) : [];
    const planning = asked('Q10') ? await measurePlanning(options.cache, root, say) : [];
    const missing = options['no-temporal'] ? 'left out by --no-temporal' : await temporalMissing(timeline, questions, facts);
    const withTemporal: QuestionResult[] = [];
    for (const result of results) {
      withTemporal.push(missing === undefined ? { ...result, temporal: await attempt(timeline, result.question.timeline(facts)) } : result);
    }
    const files = facts.files.length;
    writeFileSync(
      options.out,
      printReport({
        machine: [
          ...machine(root),
          ['data', `${lake.rows} events of ${lake.sessions} sessions in ${files} day partitions, sorted by time`],
        ],
        results: withTemporal,
        delivery,
        remote,
        planning,
        load: loadavg()[0] ?? 0,
        idle,
        startMs: timeline.started.milliseconds,
        temporalMissing: missing,
      }),
    );
    say(`written: ${options.out}`);
    return results.every((result) => !('error' in result.timeline) && result.difference === undefined) ? 0 : 1;
  } finally {
    for (const side of sides.reverse()) await side.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function asked(id: string): boolean {
  return options.only === undefined || options.only.toUpperCase().split(',').includes(id);
}

async function compare(question: Question, facts: QuestionFacts, timeline: Side, duckdb: Side): Promise<QuestionResult> {
  const peers: Measurement[] = [];
  for (const sql of question.duckdb(facts)) peers.push(await measure(duckdb, sql, Number(options.runs)));
  const [first, ...others] = peers;
  if (!first) throw new Error(`${question.id} has no formulation for DuckDB`);
  const peer = others.reduce((best, next) => (next.best.meanCpu < best.best.meanCpu ? next : best), first);
  const ours = await attempt(timeline, question.timeline(facts));
  const differs = 'error' in ours ? undefined : difference(ours.answer, peer.answer, question.ignore);
  if ('error' in ours) say(`${question.id}: failed: ${ours.error}`);
  else {
    say(
      `${question.id}: CPU ${ours.best.meanCpu.toFixed(0)} ms against ${peer.best.meanCpu.toFixed(0)}, wall ${ours.best.wall.toFixed(0)} ms against ${peer.best.wall.toFixed(0)}`,
    );
    if (differs !== undefined) say(`${question.id}: the answers differ: ${differs}`);
  }
  return { question, timeline: ours, temporal: undefined, duckdb: peer, difference: differs };
}

async function attempt(side: Side, sql: string): Promise<Measurement | { readonly error: string }> {
  try {
    return await measure(side, sql, Number(options.runs));
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** Undefined: the Temporal driver answers. */
async function temporalMissing(timeline: TimelineSide, questions: readonly Question[], facts: QuestionFacts): Promise<string | undefined> {
  const sql = questions[0]?.timeline(facts);
  if (sql === undefined) return 'no question was asked';
  const deadline = Date.now() + TEMPORAL_WAIT_MS;
  for (;;) {
    try {
      await timeline.use('temporal');
      await timeline.ask(sql);
      return undefined;
    } catch (error) {
      if (Date.now() > deadline) return error instanceof Error ? error.message : String(error);
    }
    await sleep(2000);
  }
}

async function readFacts(duckdb: Side, data: string): Promise<QuestionFacts> {
  const names = (await readdir(data, { recursive: true })).filter((name) => name.endsWith('.parquet')).sort();
  const files = names.map((name) => join(data, name));
  const middle = files[Math.floor(files.length / 2)];
  if (middle === undefined) throw new Error(`no Parquet files in ${data}`);
  const { rows } = await duckdb.ask(`SELECT session_id FROM ${parquet([middle])} GROUP BY 1 ORDER BY abs(count(*) - 100), 1 LIMIT 1`);
  const session = String(rows[0]?.[0]);
  const begin = 'min(ts)';
  const [span] = (
    await duckdb.ask(
      `SELECT ${begin}::VARCHAR, (${begin} + INTERVAL 10 MINUTE)::VARCHAR FROM ${parquet([middle])} WHERE session_id = '${session}'`,
    )
  ).rows;
  return { files, session, from: String(span?.[0]), to: String(span?.[1]) };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
