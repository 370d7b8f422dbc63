import { DELIVERY_SQL, type Delivery } from './delivery.js';
import type { Measurement } from './measure.js';
import { type BytesResult, Q7_TITLE } from './q7.js';
import { type PlanningResult, Q10_TITLE } from './q10.js';
import type { Question } from './question.js';

export interface QuestionResult {
  readonly question: Question;
  readonly timeline: Measurement | { readonly error: string };
  /** The same question through the other driver; undefined: it was not to be had. */
  readonly temporal: Measurement | { readonly error: string } | undefined;
  /** The fastest formulation, by CPU. */
  readonly duckdb: Measurement;
  /** What differs between the answers. */
  readonly difference: string | undefined;
}

export interface ReportFacts {
  readonly machine: readonly (readonly [name: string, value: string])[];
  readonly results: readonly QuestionResult[];
  readonly delivery: readonly Delivery[];
  readonly remote: readonly BytesResult[];
  readonly planning: readonly PlanningResult[];
  /** Of the last minute, at the end. */
  readonly load: number;
  readonly idle: number;
  readonly startMs: number;
  readonly temporalMissing: string | undefined;
}

interface Goal {
  readonly cpu: number;
  readonly text: string;
}

/** Goals of CPU against DuckDB, by question. */
const GOALS: Readonly<Record<string, Goal>> = {
  Q1: { cpu: 1.15, text: 'at most 1.15x of DuckDB' },
  Q2: { cpu: 1.15, text: 'at most 1.15x of DuckDB' },
  Q6: { cpu: 1.15, text: 'at most 1.15x of DuckDB' },
  Q3: { cpu: 1.5, text: 'at most 1.5x of DuckDB' },
  Q5: { cpu: 1 / 8, text: 'at least 8x less than DuckDB' },
};

export function printReport(facts: ReportFacts): string {
  const { results } = facts;
  return [
    '# Benchmark results',
    '',
    'Written by `npm run bench`. Same files, same machine, same run. Absolute times mean little on a shared machine: read the ratios.',
    'CPU is user and system time of the process with all its threads and children, the mean of the warm runs; wall is the best of them;',
    'cold is the first time that the process was asked this question (the files are in the page cache of the operating system by then).',
    'Timeline is asked through node-postgres, DuckDB in a process of its own through IPC. Peak is resident memory of the whole process:',
    'for Timeline it includes Node, the embedded Postgres and the wire; for DuckDB Node. Where DuckDB has several formulations the one',
    'with the least CPU counts; its cold run may come after another of them.',
    '',
    '| | |',
    '|---|---|',
    ...facts.machine.map(([name, value]) => `| ${name} | ${value} |`),
    `| start of the server to its ready line | ${ms(facts.startMs)} |`,
    `| load of the machine at the end (1 minute) | ${facts.load.toFixed(1)} |`,
    `| CPU of the idle server | ${facts.idle.toFixed(0)} ms per second |`,
    '',
    '## In-process driver against DuckDB',
    '',
    '| question | side | wall, best | CPU, mean | wall, cold | CPU, cold | peak memory | CPU ratio | wall ratio |',
    '|---|---|---|---|---|---|---|---|---|',
    ...results.flatMap(pairRows),
    '',
    '## Temporal driver against the in-process driver',
    '',
    ...temporalSection(facts),
    '',
    ...deliverySection(facts.delivery),
    ...remoteSection(facts.remote),
    ...planningSection(facts.planning),
    '## Against the goals',
    '',
    ...results.map(goalLine),
    '',
    '## The questions',
    '',
    ...results.flatMap(({ question, timeline, duckdb }) => [
      `**${question.id}** ${question.title}`,
      '```sql',
      '-- Timeline',
      'error' in timeline ? '' : timeline.sql.trim(),
      '-- DuckDB, its best formulation',
      duckdb.sql.trim().replaceAll(/read_parquet\(\[.*?\][^)]*\)/g, 'read_parquet([…])'),
      '```',
    ]),
    '',
  ].join('\n');
}

function deliverySection(deliveries: readonly Delivery[]): string[] {
  if (deliveries.length === 0) return [];
  return [
    '## Q9: delivery',
    '',
    `\`${DELIVERY_SQL}\` in this process to a client in a process of its own that only counts rows.`,
    '',
    '| format | rows | MB | wall, best | rows a second | first row after | CPU of the server for a row | peak memory |',
    '|---|---|---|---|---|---|---|---|',
    ...deliveries.map(
      ({ format, rows, bytes, wall, first, cpu, peak }) =>
        `| ${format} | ${rows} | ${(bytes / 1e6).toFixed(0)} | ${ms(wall)} | ${((rows / wall) * 1000).toFixed(0)} | ${ms(first)} | ${((cpu * 1000) / rows).toFixed(2)} us | ${mb(peak)} |`,
    ),
    '',
  ];
}

function remoteSection(results: readonly BytesResult[]): string[] {
  if (results.length === 0) return [];
  const kib = (bytes: number): string => (bytes / 1024).toFixed(0);
  return [
    `## Q7 without an index: ${Q7_TITLE}`,
    '',
    'Two columns of 320 rows. Requests and bytes are all that crossed, metadata among them (DuckDB is given the list of files); warm: the same',
    'question again in the same process, best of three. Timeline here is catalog, planning and kernel, without parser and wire.',
    '',
    '| side | wall, cold | requests | KiB | wall, warm | requests | KiB |',
    '|---|---|---|---|---|---|---|',
    ...results.map(({ side, figures }) =>
      'error' in figures
        ? `| ${side} | failed: ${cell(figures.error)} | | | | | |`
        : `| ${side} | ${ms(figures.cold)} | ${figures.requests} | ${kib(figures.bytes)} | ${ms(figures.warm)} | ${figures.warmRequests} | ${kib(figures.warmBytes)} |`,
    ),
    '',
  ];
}

function planningSection(results: readonly PlanningResult[]): string[] {
  if (results.length === 0) return [];
  return [
    `## Q10: ${Q10_TITLE}`,
    '',
    '4,000 manifests, days as partitions, metadata only, on a local disk. Each side in a process of its own; cold: the first plan in it, with',
    'nothing cached; warm: the best of two more (pyiceberg: once only where it reads every manifest). Goal: one hour in 2 s and 512 MB.',
    '',
    '| question | side | files planned | wall, cold | wall, warm | peak memory |',
    '|---|---|---|---|---|---|',
    ...results.map(({ title, side, figures }) =>
      'error' in figures
        ? `| ${title} | ${side} | failed: ${cell(figures.error)} | | | |`
        : `| ${title} | ${side} | ${figures.files} | ${ms(figures.cold)} | ${ms(figures.warm)} | ${mb(figures.peak)} |`,
    ),
    '',
  ];
}

function pairRows({ question, timeline, duckdb, difference }: QuestionResult): string[] {
  const row = (name: string, m: Measurement, ratios: string) =>
    `| ${question.id} ${question.title} | ${name} | ${ms(m.best.wall)} | ${ms(m.best.meanCpu)} | ${ms(m.cold.wall)} | ${ms(m.cold.cpu)} | ${mb(m.peak)} | ${ratios} |`;
  const peer = row('DuckDB', duckdb, '1 | 1');
  if ('error' in timeline) return [`| ${question.id} ${question.title} | Timeline | failed: ${cell(timeline.error)} | | | | | | |`, peer];
  const ours = row(
    'Timeline',
    timeline,
    `${ratio(timeline.best.meanCpu, duckdb.best.meanCpu)} | ${ratio(timeline.best.wall, duckdb.best.wall)}`,
  );
  return difference === undefined
    ? [ours, peer]
    : [ours, peer, `| ${question.id} | **the answers differ** | ${cell(difference)} | | | | | | |`];
}

function temporalSection({ results, temporalMissing }: ReportFacts): string[] {
  if (temporalMissing !== undefined) return [`Not measured: ${temporalMissing}`];
  return [
    'CPU is of the server with its workers, without that of the Temporal server.',
    '',
    '| question | wall, in-process | wall, Temporal | more wall | CPU, in-process | CPU, Temporal |',
    '|---|---|---|---|---|---|',
    ...results.map(({ question, timeline, temporal }) => {
      if (temporal === undefined || 'error' in timeline) return `| ${question.id} | not measured | | | | |`;
      if ('error' in temporal) return `| ${question.id} | failed: ${cell(temporal.error)} | | | | |`;
      const more = temporal.best.wall - timeline.best.wall;
      return `| ${question.id} | ${ms(timeline.best.wall)} | ${ms(temporal.best.wall)} | ${ms(more)} (${ratio(temporal.best.wall, timeline.best.wall)}x) | ${ms(timeline.best.meanCpu)} | ${ms(temporal.best.meanCpu)} |`;
    }),
  ];
}

function goalLine({ question, timeline, duckdb, difference }: QuestionResult): string {
  const goal = GOALS[question.id];
  if ('error' in timeline) return `- ${question.id}: **failed**: ${timeline.error}`;
  if (difference !== undefined) return `- ${question.id}: **wrong**: the two answers differ (${difference}).`;
  const cpu = timeline.best.meanCpu / duckdb.best.meanCpu;
  const met = goal === undefined || cpu <= goal.cpu;
  const memory = `memory ${ratio(timeline.peak, duckdb.peak)}x`;
  const wall = `wall ${ratio(timeline.best.wall, duckdb.best.wall)}x`;
  return `- ${question.id}: goal for CPU ${goal?.text ?? 'none'}: ${met ? 'met' : '**missed**'} with ${cpu.toFixed(2)}x; ${wall}, ${memory}.${worse(cpu, timeline, duckdb)}`;
}

function worse(cpu: number, timeline: Measurement, duckdb: Measurement): string {
  const points = [
    cpu > 1 ? 'CPU' : '',
    timeline.best.wall > duckdb.best.wall ? 'wall time' : '',
    timeline.cold.wall > duckdb.cold.wall ? 'the cold run' : '',
    timeline.peak > duckdb.peak ? 'memory' : '',
  ].filter((point) => point !== '');
  return points.length === 0 ? '' : ` Worse than DuckDB in ${points.join(', ')}.`;
}

function ms(value: number): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

function mb(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function ratio(a: number, b: number): string {
  return (a / b).toFixed(2);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
