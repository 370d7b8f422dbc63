export interface NeedleFigures {
  /** Milliseconds, median. */
  readonly wall: number;
  /** To S3, median. */
  readonly requests: number;
  readonly bytes: number;
  /** Requests to VictoriaLogs. */
  readonly searches: number;
}

export interface NeedleResult {
  readonly layout: string;
  readonly title: string;
  readonly rows: number;
  readonly off: NeedleFigures;
  readonly on: NeedleFigures;
  /** What EXPLAIN said of the index. */
  readonly note: string;
}

export interface TableFigure {
  readonly title: string;
  readonly rows: number;
  readonly wall: number;
  /** The aggregate computed from rows. */
  readonly without: number | undefined;
}

export interface IndexFacts {
  readonly machine: readonly (readonly [string, string])[];
  readonly needles: readonly NeedleResult[];
  readonly peer:
    | { readonly wall: number; readonly requests: number; readonly bytes: number; readonly rows: number }
    | { readonly error: string };
  /** Of all builds together. */
  readonly built: { readonly seconds: number; readonly disk: number; readonly rows: number; readonly builds: number };
  readonly recheck: { readonly seconds: number; readonly rows: number };
  readonly tables: readonly TableFigure[];
}

const ms = (value: number): string => `${value.toFixed(0)} ms`;
const kib = (value: number): string => (value / 1024).toFixed(0);
const times = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 1 : 0)}x` : '-');

export function printIndexReport({ machine, needles, peer, built, recheck, tables }: IndexFacts): string {
  return `# VictoriaLogs as an index and as a table

Written by \`node dist/benchmarks/index.js\`. Answers with and without the index are compared in the run. Absolute times mean little on a shared machine: read the
ratios. Each figure is the median of runs with different keys, in alternating order, in a server that keeps footers in memory and no data of files
(\`limits.cache_bytes: 0\`); requests and bytes are those to S3, searches the requests to VictoriaLogs (without latency).

| | |
|---|---|
${machine.map(([name, value]) => `| ${name} | ${value} |`).join('\n')}

## Needles on S3

| layout | question | rows | wall, off | requests | KiB | wall, index | requests | KiB | searches | fewer bytes | faster |
|---|---|---|---|---|---|---|---|---|---|---|---|
${needles
  .map(
    ({ layout, title, rows, off, on }) =>
      `| ${layout} | ${title} | ${rows} | ${ms(off.wall)} | ${off.requests} | ${kib(off.bytes)} | ${ms(on.wall)} | ${on.requests} | ${kib(on.bytes)} | ${on.searches} | ${times(off.bytes / on.bytes)} | ${times(off.wall / on.wall)} |`,
  )
  .join('\n')}

Goals: a needle with 10x fewer bytes than without and at most 1.2 MB; a useless hint costs at most 5 % of the scan.

What EXPLAIN says of the index:

${needles.map(({ layout, title, note }) => `- ${layout}, ${title}: \`${note.replaceAll('`', "'")}\``).join('\n')}

DuckDB over the shuffled files (one user, no index; it is given the list of files): ${'error' in peer ? `not measured: ${peer.error}` : `${ms(peer.wall)}, ${peer.requests} requests, ${kib(peer.bytes)} KiB, ${peer.rows} rows; first question of a process.`}

## What the index costs

| | | goal |
|---|---|---|
| \`CALL timeline.build_index\`: reading from S3, writing, waiting until it is durable (15 s a table), reading back | ${built.seconds.toFixed(1)} s, ${(built.rows / built.seconds).toFixed(0)} rows/s | 80,000 rows/s |
| bytes on VictoriaLogs' disk, six columns and time, file, position | ${(built.disk / built.rows).toFixed(1)} a row | 40 (keys only) |
| certificates read back after a restart (the whole command) | ${recheck.seconds.toFixed(1)} s, ${((recheck.seconds * 1e6) / recheck.rows).toFixed(2)} us a row | 0.7 us a row |

## VictoriaLogs as a table

| question over ${tables[0]?.rows ?? 0} documents | wall, best | aggregated from rows |
|---|---|---|
${tables.map(({ title, wall, without }) => `| ${title} | ${ms(wall)} | ${without === undefined ? '' : ms(without)} |`).join('\n')}

Goal: filter and count in 50 ms; 200,000 rows/s where rows are fetched.
`;
}
