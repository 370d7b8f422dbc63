export interface LaneSide {
  /** Milliseconds of wall time. */
  readonly p50: number;
  readonly p95: number;
  /** Milliseconds of the server with its workers, a run. */
  readonly cpu: number;
}

export interface Lane {
  readonly lane: string;
  readonly goal: string;
  readonly runs: number;
  readonly local: LaneSide;
  readonly temporal: LaneSide;
}

export interface TaskRate {
  readonly tasks: number;
  readonly local: { readonly wall: number; readonly cpu: number };
  readonly temporal: { readonly wall: number; readonly cpu: number };
}

export interface SoakSample {
  readonly minute: number;
  readonly queries: number;
  /** Bytes resident. */
  readonly gateway: number;
  readonly worker: number;
}

export interface DurableFacts {
  readonly machine: readonly (readonly [name: string, value: string])[];
  readonly lanes: readonly Lane[];
  readonly tasks: readonly TaskRate[];
  readonly questions: readonly Lane[];
  readonly beside:
    | {
        readonly idle: { readonly p50: number; readonly p95: number };
        readonly busy: { readonly p50: number; readonly p95: number };
        readonly runs: number;
        readonly state: string;
      }
    | undefined;
  readonly soak: readonly SoakSample[];
}

export function printDurableReport({ machine, lanes, tasks, questions, beside, soak }: DurableFacts): string {
  return [
    '# What durability costs',
    '',
    'Written by `node dist/benchmarks/durable.js`. The same plans through the same server, run in its process and as Temporal workflows, in turns;',
    'answers are compared. Absolute times mean little on a shared machine: read the differences and ratios. CPU is user and system time of the',
    'gateway with its worker process, a run; that of the Temporal server is left out.',
    '',
    '| | |',
    '|---|---|',
    ...machine.map(([name, value]) => `| ${name} | ${value} |`),
    '',
    ...laneSection('A query, by lane', lanes),
    ...taskSection(tasks),
    ...laneSection('Q8: Q1 and Q5 in 31 tasks', questions),
    ...besideSection(beside),
    ...soakSection(soak),
  ].join('\n');
}

function laneSection(title: string, lanes: readonly Lane[]): string[] {
  if (lanes.length === 0) return [];
  return [
    `## ${title}`,
    '',
    '| plan | runs | p50 in-process | p50 Temporal | more | p95 in-process | p95 Temporal | more | CPU in-process | CPU Temporal | goal |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
    ...lanes.map(({ lane, goal, runs, local, temporal }) => {
      const more = (a: number, b: number): string => `${ms(b - a)} (${(b / a).toFixed(2)}x)`;
      return `| ${lane} | ${runs} | ${ms(local.p50)} | ${ms(temporal.p50)} | ${more(local.p50, temporal.p50)} | ${ms(local.p95)} | ${ms(temporal.p95)} | ${more(local.p95, temporal.p95)} | ${ms(local.cpu)} | ${ms(temporal.cpu)} | ${goal} |`;
    }),
    '',
  ];
}

function taskSection(tasks: readonly TaskRate[]): string[] {
  if (tasks.length === 0) return [];
  const [first] = tasks;
  return [
    '## A task',
    '',
    'Scans that find nothing. Goal: at most 2 ms of CPU for each further task, over what the task costs in-process.',
    '',
    '| tasks | wall in-process | wall Temporal | tasks a second | CPU in-process | CPU Temporal | more CPU a further task |',
    '|---|---|---|---|---|---|---|',
    ...tasks.map(({ tasks: count, local, temporal }) => {
      const further = count - (first?.tasks ?? 0);
      const extra = temporal.cpu - local.cpu - ((first?.temporal.cpu ?? 0) - (first?.local.cpu ?? 0));
      const each = further === 0 ? '' : ms(extra / further);
      return `| ${count} | ${ms(local.wall)} | ${ms(temporal.wall)} | ${((count / temporal.wall) * 1000).toFixed(0)} | ${ms(local.cpu)} | ${ms(temporal.cpu)} | ${each} |`;
    }),
    '',
  ];
}

function besideSection(beside: DurableFacts['beside']): string[] {
  if (beside === undefined) return [];
  const { idle, busy, runs, state } = beside;
  return [
    '## A dashboard beside a backfill',
    '',
    `The query of the fast lane, ${runs} times with 50 ms between, alone and while a submitted replay joins the table with itself (at the end of the runs it was ${state}).`,
    'Goal: p95 at most 2x of idle.',
    '',
    '| | p50 | p95 |',
    '|---|---|---|',
    `| alone | ${ms(idle.p50)} | ${ms(idle.p95)} |`,
    `| beside | ${ms(busy.p50)} (${(busy.p50 / idle.p50).toFixed(2)}x) | ${ms(busy.p95)} (${(busy.p95 / idle.p95).toFixed(2)}x) |`,
    '',
  ];
}

function soakSection(soak: readonly SoakSample[]): string[] {
  const last = soak.at(-1);
  if (last === undefined) return [];
  const step = Math.max(1, Math.floor(soak.length / 12));
  const shown = soak.filter((sample, n) => n % step === 0 || sample === last);
  return [
    '## Memory over time',
    '',
    'Resident memory while queries of all lanes, and every tenth round a submitted replay with its result, are asked one after the other.',
    '',
    '| minute | queries | gateway | worker |',
    '|---|---|---|---|',
    ...shown.map(({ minute, queries, gateway, worker }) => `| ${minute.toFixed(1)} | ${queries} | ${mib(gateway)} | ${mib(worker)} |`),
    '',
  ];
}

function ms(value: number): string {
  return `${Math.abs(value) < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
