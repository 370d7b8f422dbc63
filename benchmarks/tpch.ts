import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generateTpc, type TpcData, writeTpcLake } from '../test/support/tpc.js';
import { startDuckdb } from './duckdb-side.js';
import { machine, projectRoot } from './machine.js';
import type { Answer, Side } from './measure.js';
import { difference } from './measure.js';
import { usage } from './process-meter.js';
import { parquet } from './question.js';
import { startTimeline } from './timeline-side.js';
import { printTpch, type TpchResult, type TpchRun } from './tpch-report.js';

const USAGE = `node dist/benchmarks/tpch.js [--scale 0.1] [--runs 2] [--only 1,6] [--limit 300] [--set name=value] [--cache FOLDER] [--out FILE]
  TPC-H by DuckDB's generator (its Python package), as an Iceberg lake; the same Parquet files for both sides.
  --limit  seconds after which a query of ours is given up
  --out    default benchmarks/TPCH.md; - for the terminal only`;

const root = projectRoot();
const { values: options } = parseArgs({
  options: {
    scale: { type: 'string', default: '0.1' },
    runs: { type: 'string', default: '2' },
    only: { type: 'string' },
    limit: { type: 'string', default: '300' },
    set: { type: 'string', multiple: true, default: [] },
    cache: { type: 'string', default: process.env['TIMELINE_BENCH_CACHE'] ?? join(tmpdir(), 'timeline-bench') },
    out: { type: 'string', default: join(root, 'benchmarks', 'TPCH.md') },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) say(USAGE);
else process.exitCode = await main();

async function main(): Promise<number> {
  const lake = await makeLake(join(options.cache, `tpch-${options.scale}`));
  const folder = mkdtempSync(join(tmpdir(), 'timeline-tpch-run-'));
  const sides: Side[] = [];
  try {
    const duckdb = await startDuckdb();
    sides.push(duckdb);
    for (const { name } of lake.data.tables) {
      const files = (await readdir(join(lake.folder, name), { recursive: true })).filter((file) => file.endsWith('.parquet')).sort();
      await duckdb.ask(`CREATE VIEW ${name} AS SELECT * FROM ${parquet(files.map((file) => join(lake.folder, name, file)))}`);
    }
    const { catalogs } = JSON.parse(readFileSync(join(lake.folder, 'timeline.yaml'), 'utf8')) as { readonly catalogs: unknown };
    const timeline = await startTimeline({ root, folder, catalogs, temporal: false });
    sides.push(timeline);
    await timeline.use('local');
    for (const setting of ['search_path=tpch', `statement_timeout=${options.limit}s`, ...options.set]) {
      const [name = '', value = ''] = setting.split('=');
      await timeline.ask(`SET ${name} = '${value}'`);
    }
    const wanted = options.only?.split(',').map(Number);
    const results: TpchResult[] = [];
    for (const [at, sql] of lake.data.queries.entries()) {
      if (wanted !== undefined && !wanted.includes(at + 1)) continue;
      const result = await compare(at + 1, sql, timeline, duckdb);
      results.push(result);
      say(line(result));
    }
    if (options.out !== '-') {
      const facts: [string, string] = ['data', `TPC-H, scale ${options.scale}`];
      writeFileSync(options.out, printTpch({ machine: [...machine(root), facts], results, load: loadavg()[0] ?? 0 }));
      say(`written: ${options.out}`);
    }
    return results.every((result) => !('error' in result.timeline) && result.difference === undefined) ? 0 : 1;
  } finally {
    for (const side of sides.reverse()) await side.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Made once, and whole or not at all. */
async function makeLake(folder: string): Promise<{ readonly folder: string; readonly data: TpcData }> {
  if (!existsSync(folder)) {
    say(`generating TPC-H of scale ${options.scale}`);
    const making = `${folder}.making`;
    await rm(making, { recursive: true, force: true });
    const data = await generateTpc('tpch', Number(options.scale), join(making, 'data'));
    if (data === undefined) throw new Error('no Python with the package of the generator can be had here');
    await writeTpcLake(data, 'tpch', folder);
    writeFileSync(join(making, 'data', 'made.json'), JSON.stringify({ ...data, folder }));
    await rename(join(making, 'data', 'made.json'), join(folder, 'tpc.json'));
    await rm(making, { recursive: true, force: true });
  }
  return { folder, data: JSON.parse(readFileSync(join(folder, 'tpc.json'), 'utf8')) as TpcData };
}

async function compare(number: number, sql: string, timeline: Side, duckdb: Side): Promise<TpchResult> {
  const peer = await run(duckdb, sql);
  try {
    const ours = await run(timeline, sql);
    return { number, timeline: ours.times, duckdb: peer.times, difference: difference(ours.answer, peer.answer, []) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { number, timeline: { error: message }, duckdb: peer.times, difference: undefined };
  }
}

/** Once to warm up, then the least of some runs: others use the machine too, and they only add. */
async function run(side: Side, sql: string): Promise<{ readonly times: TpchRun; readonly answer: Answer }> {
  let answer: Answer = { columns: [], rows: [] };
  let [wall, cpu, cold] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0];
  for (let n = 0; n <= Number(options.runs); n++) {
    const before = usage(side.pid, side.except).cpu;
    const start = performance.now();
    answer = await side.ask(sql);
    const took = performance.now() - start;
    if (n === 0) cold = took;
    else {
      wall = Math.min(wall, took);
      cpu = Math.min(cpu, (usage(side.pid, side.except).cpu - before) * 1000);
    }
  }
  return { times: { wall, cpu, cold }, answer };
}

function line({ number, timeline, duckdb, difference: differs }: TpchResult): string {
  const peer = `DuckDB ${duckdb.cpu.toFixed(0)} ms CPU, ${duckdb.wall.toFixed(0)} ms`;
  if ('error' in timeline) return `Q${number}: failed: ${timeline.error}; ${peer}`;
  const ratio = (timeline.cpu / Math.max(duckdb.cpu, 1)).toFixed(2);
  return `Q${number}: ${timeline.cpu.toFixed(0)} ms CPU, ${timeline.wall.toFixed(0)} ms; ${peer}; ${ratio}x${differs === undefined ? '' : `; DIFFERENT: ${differs}`}`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
