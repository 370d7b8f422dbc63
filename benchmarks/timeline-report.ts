import type { Measurement } from './measure.js';

/** One side of a comparison. */
export type Outcome =
  | { readonly name: string; readonly measurement: Measurement; readonly difference: string | undefined }
  | { readonly name: string; readonly error: string };
export type Comparison = Outcome;
type Done = Extract<Outcome, { readonly measurement: Measurement }>;

export interface ComparedResult {
  readonly title: string;
  /** Whose goals are judged. */
  readonly goal: keyof typeof GOALS;
  /** Ours first. */
  readonly outcomes: readonly Outcome[];
}

export interface TimelineReport {
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly results: readonly ComparedResult[];
  /** The first one is what the others are compared with. */
  readonly digest: readonly Comparison[];
  readonly incremental: readonly Comparison[];
  readonly missing: readonly string[];
}

/** CPU and memory of the best peer of SQL, in times of ours, at least. */
const GOALS: Readonly<Record<'ordered' | 'unordered' | 'replay', { readonly cpu: number; readonly memory?: number }>> = {
  ordered: { cpu: 8, memory: 8 },
  unordered: { cpu: 3, memory: 8 },
  replay: { cpu: 1 / 1.5 },
};

export function printTimelineReport({ facts, results, digest, incremental, missing }: TimelineReport): string {
  return [
    '# TIMELINE() beside its peers',
    '',
    'Written by `node dist/benchmarks/timeline.js`. Same files, same machine, same run; answers are compared before anything counts. Absolute',
    'times mean little on a shared machine: read the ratios. CPU is user and system time of the process with all its threads and children, the',
    'mean of the warm runs; wall is the best of them; cold is the first time. Peak is resident memory of the whole process: for Timeline Node,',
    'the embedded Postgres and the wire, too; for Polars and ClickHouse Python. Of several formulations of a peer the one with the least CPU counts.',
    'A ratio above 1 says that Timeline took less.',
    '',
    '| | |',
    '|---|---|',
    ...facts.map(([name, value]) => `| ${name} | ${value} |`),
    '',
    ...results.flatMap(comparedSection),
    ...(missing.length > 0 ? ['Not measured:', ...missing.map((line) => `- ${line}`), ''] : []),
    ...comparisonSection('Sums against spans', 'The same question; the second form may not be summed in the operator.', digest),
    ...comparisonSection('A day against the month', 'Q5 of the last day of the month; `timeline.carry` keeps states.', incremental),
    '## The formulations',
    '',
    ...results.filter(({ title }) => !title.includes('unordered')).flatMap(({ outcomes }) => outcomes.flatMap(formulation)),
  ].join('\n');
}

function comparedSection({ title, goal, outcomes }: ComparedResult): string[] {
  const [ours] = outcomes;
  const mine = ours === undefined || 'error' in ours ? undefined : ours.measurement;
  const rows = outcomes.map((outcome) => {
    if ('error' in outcome) return `| ${outcome.name} | failed: ${outcome.error.split('\n')[0]} | | | | | | | |`;
    const { measurement: it } = outcome;
    const ratio = (theirs: number, our: number | undefined): string => (our === undefined ? '' : (theirs / our).toFixed(2));
    return `| ${outcome.name} | ${cells(it)} | ${ratio(it.best.meanCpu, mine?.best.meanCpu)} | ${ratio(it.best.wall, mine?.best.wall)} | ${ratio(it.peak, mine?.peak)} |`;
  });
  return [
    `## ${title}`,
    '',
    '| side | wall, best | CPU, mean | wall, cold | CPU, cold | peak memory | CPU, times ours | wall, times ours | memory, times ours |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    ...outcomes.flatMap((outcome) =>
      'error' in outcome || outcome.difference === undefined ? [] : [`**${outcome.name} answers differently: ${outcome.difference}**`, ''],
    ),
    ...goalLines(goal, outcomes),
    '',
  ];
}

function goalLines(name: ComparedResult['goal'], outcomes: readonly Outcome[]): string[] {
  const [ours, ...peers] = outcomes.flatMap((outcome) => ('error' in outcome ? [] : [outcome]));
  // Polars is asked in expressions of its own.
  const sql = peers.filter(({ name }) => name !== 'Polars');
  if (ours === undefined || ours.name !== outcomes[0]?.name || sql.length === 0)
    return ['Timeline has no answer, or no peer of SQL has one: no goal can be judged.'];
  const ratios = (of: (measurement: Measurement) => number, among: readonly Done[]): { name: string; ratio: number } =>
    among
      .map(({ name, measurement }) => ({ name, ratio: of(measurement) / of(ours.measurement) }))
      .reduce((best, next) => (next.ratio < best.ratio ? next : best));
  const said = (ratio: number): string => (ratio >= 1 ? `${ratio.toFixed(2)}x less` : `${(1 / ratio).toFixed(2)}x more`);
  const goal = GOALS[name];
  const line = (what: string, of: (measurement: Measurement) => number, wanted?: number): string => {
    const best = ratios(of, peers);
    const bestSql = ratios(of, sql);
    const judged =
      wanted === undefined
        ? ''
        : ` (goal: ${wanted >= 1 ? `at least ${wanted}x less` : `at most ${(1 / wanted).toFixed(1)}x`}: **${bestSql.ratio >= wanted ? 'met' : 'missed'}**)`;
    const dataframe = best.name === bestSql.name ? '' : `; ${said(best.ratio)} than ${best.name}`;
    return `- ${what}: ${said(bestSql.ratio)} than ${bestSql.name}, the best peer of SQL${judged}${dataframe}.`;
  };
  return [
    line('CPU', ({ best }) => best.meanCpu, goal.cpu),
    line('Memory', ({ peak }) => peak, goal.memory),
    line('Wall time', ({ best }) => best.wall),
  ];
}

function comparisonSection(title: string, text: string, comparisons: readonly Comparison[]): string[] {
  if (comparisons.length === 0) return [];
  const [first] = comparisons;
  const base = first === undefined || 'error' in first ? undefined : first.measurement;
  return [
    `## ${title}`,
    '',
    text,
    '',
    '| | wall, best | CPU, mean | wall, cold | CPU, cold | peak memory | CPU, of the first |',
    '|---|---|---|---|---|---|---|',
    ...comparisons.map((it) =>
      'error' in it
        ? `| ${it.name} | failed: ${it.error.split('\n')[0]} | | | | | |`
        : `| ${it.name} | ${cells(it.measurement)} | ${base === undefined ? '' : (it.measurement.best.meanCpu / base.best.meanCpu).toFixed(2)} |`,
    ),
    '',
    ...comparisons.flatMap((it) =>
      'error' in it || it.difference === undefined ? [] : [`**${it.name} answers differently: ${it.difference}**`, ''],
    ),
  ];
}

function cells({ best, cold, peak }: Measurement): string {
  return `${best.wall.toFixed(0)} ms | ${best.meanCpu.toFixed(0)} ms | ${cold.wall.toFixed(0)} ms | ${cold.cpu.toFixed(0)} ms | ${(peak / 2 ** 20).toFixed(0)} MiB`;
}

function formulation(outcome: Outcome): string[] {
  if ('error' in outcome) return [];
  const { name, measurement } = outcome;
  // Lists of files say nothing.
  const text = measurement.sql
    .trim()
    .replaceAll(/read_parquet\(\[.*?\][^)]*\)/g, 'read_parquet([…])')
    .replaceAll(/scan_parquet\(\[.*?\]\)/g, 'scan_parquet([…])')
    .replaceAll(/file\('.*?', Parquet\)/g, "file('…', Parquet)");
  return [`**${name}**`, name === 'Polars' ? '```python' : '```sql', text, '```', ''];
}
