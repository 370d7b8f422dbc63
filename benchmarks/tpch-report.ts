/** Milliseconds of the best warm run, and of the first one. */
export interface TpchRun {
  readonly wall: number;
  readonly cpu: number;
  readonly cold: number;
}

export interface TpchResult {
  readonly number: number;
  readonly timeline: TpchRun | { readonly error: string };
  readonly duckdb: TpchRun;
  readonly difference: string | undefined;
}

export interface TpchFacts {
  readonly machine: readonly (readonly [string, string])[];
  readonly results: readonly TpchResult[];
  readonly load: number;
}

export function printTpch({ machine, results, load }: TpchFacts): string {
  const good = results.filter((result) => !('error' in result.timeline) && result.difference === undefined);
  const ratios = good.map(cpuRatio);
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / Math.max(1, ratios.length));
  return [
    '# TPC-H',
    '',
    'Written by `node dist/benchmarks/tpch.js`. Both sides read the same Parquet files of one Iceberg lake, one after the other. CPU is user and',
    "system time of the process with all its threads, in steps of 10 ms; of the warm runs the least, for other jobs only add. DuckDB's average of",
    'decimals is a float, ours exact to the last digit as in PostgreSQL; the answers are compared to nine digits.',
    '',
    '| | |',
    '|---|---|',
    ...machine.map(([name, value]) => `| ${name} | ${value} |`),
    `| load of the machine at the end (1 minute) | ${load.toFixed(1)} |`,
    '',
    `${good.length} of ${results.length} queries give DuckDB's answers; the geometric mean of their CPU is ${mean.toFixed(2)} times DuckDB's.`,
    '',
    '| query | Timeline CPU | DuckDB CPU | ratio | Timeline wall | DuckDB wall | Timeline, first run |',
    '|---|---|---|---|---|---|---|',
    ...results.map(row),
    '',
  ].join('\n');
}

function row(result: TpchResult): string {
  const { number, timeline, duckdb, difference } = result;
  if ('error' in timeline)
    return `| Q${number} | failed: ${timeline.error.replaceAll('|', '\\|').replaceAll('\n', ' ')} | ${ms(duckdb.cpu)} | | | ${ms(duckdb.wall)} | |`;
  const note = difference === undefined ? '' : ` **the answers differ**: ${difference.replaceAll('|', '\\|')}`;
  const figures = [ms(timeline.cpu), ms(duckdb.cpu), cpuRatio(result).toFixed(2), ms(timeline.wall), ms(duckdb.wall), ms(timeline.cold)];
  return `| Q${number}${note} | ${figures.join(' | ')} |`;
}

function cpuRatio({ timeline, duckdb }: TpchResult): number {
  return 'error' in timeline ? Number.NaN : Math.max(timeline.cpu, 10) / Math.max(duckdb.cpu, 10);
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
