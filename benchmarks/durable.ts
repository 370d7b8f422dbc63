import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeDemoLake } from '../src/events/demo-lake.js';
import { findTemporal, startDevServer } from '../src/replay/temporal/dev-server.js';
import { type DurableFacts, type Lane, printDurableReport, type SoakSample, type TaskRate } from './durable-report.js';
import { machine, projectRoot } from './machine.js';
import { descendants, resident, usage } from './process-meter.js';
import { q1 } from './q1.js';
import { q5 } from './q5.js';
import { startTimeline, type TimelineSide } from './timeline-side.js';

const USAGE = `node dist/benchmarks/durable.js [--rows 2e6] [--runs 60] [--only lanes,tasks,questions,beside,soak] [--soak MINUTES] [--cache FOLDER] [--out FILE]
  The same plans in-process and as Temporal workflows: what durability costs a query and a task, dashboards beside a backfill, memory over time.
  --soak   minutes of the memory run (0: left out)`;

const root = projectRoot();
const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '2e6' },
    runs: { type: 'string', default: '60' },
    only: { type: 'string' },
    soak: { type: 'string', default: '0' },
    cache: { type: 'string', default: process.env['TIMELINE_BENCH_CACHE'] ?? join(tmpdir(), 'timeline-bench') },
    out: { type: 'string', default: join(root, 'benchmarks', 'DURABLE.md') },
    help: { type: 'boolean', default: false },
  },
});
const runs = Number(options.runs);
const NO_FACTS = { files: [], session: '' };
/** CPU is read after what a run leaves to be done. */
const SETTLE_MS = 300;
const BLOCK = 10;

const days = (from: number, to: number): string =>
  `ts >= '2025-03-${String(from).padStart(2, '0')} 00:00:00+00' AND ts < '2025-03-${String(to).padStart(2, '0')} 00:00:00+00'`;

/** Plans by the lane that they take; a plan of more than eight tasks is no small one. */
const LANES: readonly { readonly lane: string; readonly goal: string; readonly small: boolean; readonly sql: string }[] = [
  {
    lane: 'fast lane: one day, one task',
    goal: '<= 15 ms p50, <= 40 ms p95',
    small: true,
    sql: `SELECT event_type, count(*) FROM lake.events WHERE ${days(4, 5)} GROUP BY 1 ORDER BY 1`,
  },
  {
    lane: 'one stage of ten tasks',
    goal: '<= 25 ms',
    small: false,
    sql: `SELECT session_id, ts FROM lake.events WHERE ${days(1, 11)} AND bitrate_kbps = 777`,
  },
  {
    lane: 'three stages: ten scans, two partitions, the sort',
    goal: '<= 60 ms',
    small: false,
    sql: `SELECT session_id, count(*) FROM lake.events WHERE ${days(1, 11)} AND event_type = 'seek' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20`,
  },
];

if (options.help) process.stdout.write(`${USAGE}\n`);
else process.exitCode = await main();

async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-bench-run-'));
  const closers: (() => Promise<void>)[] = [];
  try {
    const lake = await makeDemoLake({ folder: join(options.cache, `lake-${Number(options.rows)}`), rows: Number(options.rows) });
    const executable = await findTemporal(join(root, '.timeline', 'tools'));
    if (executable === undefined) throw new Error('there is no temporal program here');
    const server = await startDevServer({ executable, dbFile: join(folder, 'temporal.db') });
    closers.push(() => server.close());
    process.env['TEMPORAL_ADDRESS'] = server.address;
    const catalogs = {
      bench: {
        type: 'iceberg',
        catalog: { type: 'sql', uri: lake.catalogUri, warehouse: lake.warehouse, name: lake.catalogName },
        locations: lake.locations,
      },
    };
    const side = await startTimeline({ root, folder, catalogs, temporal: true });
    closers.push(() => side.close());
    await ready(side);
    const asked = (part: string): boolean => options.only === undefined || options.only.split(',').includes(part);
    const lanes: Lane[] = [];
    if (asked('lanes')) for (const lane of LANES) lanes.push(await compareLane(side, lane));
    const tasks = asked('tasks') ? await taskRates(side) : [];
    const beside = asked('beside') ? await besideBackfill(side) : undefined;
    const questions: Lane[] = [];
    if (asked('questions')) {
      const second = await secondWorker(folder);
      closers.push(() => second.close());
      for (const { id, timeline } of [q1, q5]) {
        const sql = timeline(NO_FACTS);
        await side.ask('SET timeline.carry = off');
        questions.push(
          await compareLane(side, { lane: `${id}, 31 scan tasks, two workers`, goal: '<= 1.2x in-process wall', small: false, sql }, 6),
        );
      }
    }
    const minutes = Number(options.soak);
    const soak = minutes > 0 && asked('soak') ? await soakFor(side, minutes) : [];
    const facts: DurableFacts = {
      machine: [
        ...machine(root),
        ['Temporal', 'development server of the CLI 1.5.1, SQLite file, tuned as the product starts it'],
        ['data', `${lake.rows} events in 31 day partitions`],
        ['load at the end (1 minute)', (loadavg()[0] ?? 0).toFixed(1)],
      ],
      lanes,
      tasks,
      questions,
      beside,
      soak,
    };
    writeFileSync(options.out, printDurableReport(facts));
    say(`written: ${options.out}`);
    return 0;
  } finally {
    for (const close of closers.reverse()) await close().catch((error: unknown) => say(String(error)));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The durable engine takes queries. */
async function ready(side: TimelineSide): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await side.use('temporal');
      await side.ask(`SELECT count(*) FROM lake.events WHERE ${days(4, 5)}`);
      return;
    } catch (error) {
      if (tries > 120) throw error;
      await sleep(500);
    }
  }
}

/** Blocks of runs, one driver after the other, so that both meet the same machine. Answers are compared. */
async function compareLane(side: TimelineSide, lane: (typeof LANES)[number], most = runs): Promise<Lane> {
  await cutInto(side, lane.small ? 'one task' : 'tasks');
  const walls = { local: [] as number[], temporal: [] as number[] };
  const cpu = { local: 0, temporal: 0 };
  const answers = new Set<string>();
  const block = Math.min(BLOCK, most);
  for (const driver of ['local', 'temporal'] as const) {
    await side.use(driver);
    for (let n = 0; n < 3; n++) await side.ask(lane.sql);
  }
  for (let done = 0; done < most; done += block) {
    for (const driver of ['local', 'temporal'] as const) {
      await side.use(driver);
      await sleep(SETTLE_MS);
      const before = usage(side.pid, side.except).cpu;
      for (let n = 0; n < block; n++) {
        const start = performance.now();
        const answer = await side.ask(lane.sql);
        walls[driver].push(performance.now() - start);
        answers.add(JSON.stringify(rounded(answer.rows)));
      }
      await sleep(SETTLE_MS);
      cpu[driver] += (usage(side.pid, side.except).cpu - before) * 1000;
    }
  }
  if (answers.size !== 1) throw new Error(`${lane.lane}: the drivers give different answers`);
  const result = {
    lane: lane.lane,
    goal: lane.goal,
    runs: walls.local.length,
    local: { ...quantiles(walls.local), cpu: cpu.local / walls.local.length },
    temporal: { ...quantiles(walls.temporal), cpu: cpu.temporal / walls.temporal.length },
  };
  say(`${lane.lane}: p50 ${result.local.p50.toFixed(1)} -> ${result.temporal.p50.toFixed(1)} ms`);
  return result;
}

/** Sums of floats differ in the last digits from run to run. */
function rounded(rows: readonly (readonly unknown[])[]): unknown {
  return rows.map((row) => row.map((value) => (/^-?\d+\.\d+$/.test(String(value)) ? Number(value).toPrecision(9) : value)));
}

function quantiles(values: readonly number[]): { readonly p50: number; readonly p95: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95) };
}

/** Scans that find nothing, by the number of tasks: what a task costs besides its work. */
async function taskRates(side: TimelineSide): Promise<readonly TaskRate[]> {
  await cutInto(side, 'tasks');
  const one = (n: number): string => `SELECT session_id FROM lake.events WHERE bitrate_kbps = ${777 + n}`;
  const rates: TaskRate[] = [];
  for (const copies of [1, 10, 33]) {
    const sql = Array.from({ length: copies }, (_, n) => one(n)).join(' UNION ALL ');
    const measured: Record<string, { wall: number; cpu: number }> = {};
    for (const driver of ['local', 'temporal'] as const) {
      await side.use(driver);
      await side.ask(sql);
      await sleep(SETTLE_MS);
      const before = usage(side.pid, side.except).cpu;
      const start = performance.now();
      await side.ask(sql);
      const wall = performance.now() - start;
      await sleep(SETTLE_MS);
      measured[driver] = { wall, cpu: (usage(side.pid, side.except).cpu - before) * 1000 };
    }
    const [row] = (await side.ask("SELECT tasks FROM timeline.queries WHERE driver = 'temporal' ORDER BY started_at DESC LIMIT 1")).rows;
    const tasks = Number(row?.[0]);
    rates.push({ tasks, local: measured['local'] ?? { wall: 0, cpu: 0 }, temporal: measured['temporal'] ?? { wall: 0, cpu: 0 } });
    say(`${tasks} tasks: ${measured['local']?.wall.toFixed(0)} -> ${measured['temporal']?.wall.toFixed(0)} ms`);
  }
  return rates;
}

/** A dashboard's query alone, then while a submitted replay keeps the workers busy. */
async function besideBackfill(side: TimelineSide): Promise<DurableFacts['beside']> {
  const sql = LANES[0]?.sql ?? '';
  await cutInto(side, 'one task');
  await side.use('temporal');
  const timed = async (count: number): Promise<number[]> => {
    const walls: number[] = [];
    for (let n = 0; n < count; n++) {
      const start = performance.now();
      await side.ask(sql);
      walls.push(performance.now() - start);
      await sleep(50);
    }
    return walls;
  };
  const idle = quantiles(await timed(runs));
  await cutInto(side, 'tasks');
  const heavy = `SELECT a.session_id, count(*) FROM lake.events a JOIN lake.events b USING (session_id) WHERE a.event_type = 'heartbeat' AND b.event_type = 'heartbeat' GROUP BY 1`;
  const [[id]] = (await side.ask(`SELECT timeline.submit($$${heavy}$$)`)).rows as [[string]];
  await cutInto(side, 'one task');
  await sleep(1000);
  const walls = await timed(runs);
  const [[state, done]] = (await side.ask(`SELECT state, tasks_done FROM timeline.replays WHERE id = '${id}'`)).rows as [[string, string]];
  await side.ask(`SELECT timeline.cancel('${id}')`);
  say(`beside a backfill (${state}, ${done} tasks done): p95 ${idle.p95.toFixed(0)} -> ${quantiles(walls).p95.toFixed(0)} ms`);
  return { idle, busy: quantiles(walls), runs, state };
}

/** Queries of every lane and submitted replays, again and again. */
async function soakFor(side: TimelineSide, minutes: number): Promise<readonly SoakSample[]> {
  const samples: SoakSample[] = [];
  const end = Date.now() + minutes * 60_000;
  const began = Date.now();
  let queries = 0;
  let next = 0;
  while (Date.now() < end) {
    for (const { sql, small } of LANES) {
      await cutInto(side, small ? 'one task' : 'tasks');
      await side.ask(sql);
      queries++;
    }
    // Memory is asked after here, not speed: others may use the machine, too.
    await sleep(250);
    if (queries % 30 === 0) {
      const [[id]] = (await side.ask(`SELECT timeline.submit($$${LANES[2]?.sql ?? ''}$$)`)).rows as [[string]];
      await side.ask(`SELECT timeline.wait('${id}')`);
      await side.ask(`SELECT count(*) FROM timeline.result('${id}') AS r`);
    }
    if (Date.now() < next) continue;
    next = Date.now() + 30_000;
    samples.push({ minute: (Date.now() - began) / 60_000, queries, ...residentOf(side.pid) });
    const last = samples.at(-1);
    say(`soak: ${last?.minute.toFixed(1)} min, ${queries} queries, gateway ${mb(last?.gateway)}, worker ${mb(last?.worker)}`);
  }
  return samples;
}

function mb(bytes: number | undefined): string {
  return `${((bytes ?? 0) / 2 ** 20).toFixed(0)} MiB`;
}

function residentOf(pid: number): { readonly gateway: number; readonly worker: number } {
  return { gateway: resident(pid), worker: descendants(pid, ['temporal']).reduce((sum, child) => sum + resident(child), 0) };
}

async function secondWorker(folder: string): Promise<{ close(): Promise<void> }> {
  const home = join(folder, 'home');
  mkdirSync(home, { recursive: true });
  const child: ChildProcess = spawn(process.execPath, [join(root, 'bin', 'timeline.js'), 'worker'], {
    cwd: folder,
    env: { ...process.env, TIMELINE_CONFIG: join(folder, 'timeline.yaml') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    if (child.stdout === null) return reject(new Error('no output to read'));
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('worker ready')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the worker ended with code ${String(code)}`)));
  });
  return {
    close: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** A task for each file of a scan, or as small plans are. */
async function cutInto(side: TimelineSide, what: 'tasks' | 'one task'): Promise<void> {
  for (const name of ['timeline.small_bytes', 'timeline.split_bytes'])
    await side.ask(what === 'tasks' ? `SET ${name} = '1'` : `RESET ${name}`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
