import { explainOperator, stepText } from './explain-operator.js';
import { operatorsIn } from './logical-plan.js';
import type { PhysicalPlan, Stage, StageFigures, StageSink } from './physical-plan.js';
import { planNames } from './plan-names.js';
import { count, size } from './units.js';

/** What ran, for EXPLAIN ANALYZE: a driver's RunSummary and what only its caller knows. */
export interface Actuals {
  readonly summary: {
    readonly rows: number;
    readonly bytesRead: number;
    readonly stages: readonly StageFigures[];
    readonly notices: readonly string[];
  };
  readonly driver: string;
  /** The workflow id on Temporal. */
  readonly runId: string;
  readonly milliseconds: number;
}

/** What of an analysed plan is shown. */
export interface ExplainShown {
  readonly timing: boolean;
  readonly summary: boolean;
}

const ALL: ExplainShown = { timing: true, summary: true };

/**
 * The plan as lines to read top down: the stage that answers first, the stages it reads below it. Columns are shown
 * by name, and by name#id where two columns of the plan share a name.
 */
export function explainText(plan: PhysicalPlan, actuals?: Actuals, shown: ExplainShown = ALL): string[] {
  const names = planNames(plan);
  const lines: string[] = [];
  for (const stage of [...plan.stages].reverse()) {
    if (lines.length > 0) lines.push('');
    lines.push(stageLine(stage, plan, names.name));
    const actual = actuals?.summary.stages.find(({ id }) => id === stage.id);
    if (actual !== undefined) lines.push(`  Actual: ${actualText(actual, shown)}`);
    for (const step of actual?.pruned ?? [])
      lines.push(step.note === undefined ? `  Pruned while reading, ${stepText(step)}` : `  ${step.step}: ${step.note}`);
    if (stage.sink !== undefined) lines.push(`  ${sinkText(stage.sink)}`);
    if (stage.sink?.kind === 'commit' || stage.sink?.kind === 'publish') continue;
    lines.push(...explainOperator(stage.root, { names, snapshots: plan.snapshots, indent: 2 }));
  }
  if (plan.computedByPostgres !== undefined) lines.push(`Computed by PostgreSQL: ${plan.computedByPostgres.join(', ')}`);
  for (const notice of plan.notices) lines.push(`Notice: ${notice}`);
  if (actuals !== undefined && shown.summary) {
    lines.push(
      '',
      `Rows: ${count(actuals.summary.rows, 'row')} · read ${size(actuals.summary.bytesRead)} · ${actuals.milliseconds.toFixed(1)} ms`,
    );
    lines.push(`Driver: ${actuals.driver} · ${actuals.driver === 'temporal' ? 'workflow' : 'run'} ${actuals.runId}`);
    for (const notice of actuals.summary.notices) lines.push(`Notice: ${notice}`);
  }
  return lines;
}

/** The same as data: the plan's own JSON, without splits' contents, with actuals beside each stage. */
export function explainJson(plan: PhysicalPlan, actuals?: Actuals, shown: ExplainShown = ALL): unknown {
  return {
    version: plan.version,
    output: plan.output,
    snapshots: plan.snapshots,
    notices: plan.notices,
    computedByPostgres: plan.computedByPostgres,
    stages: plan.stages.map((stage) => ({
      id: stage.id,
      kind: stage.kind,
      deps: stage.deps,
      tasks: stage.tasks.length,
      bytes: bytesOf(stage),
      exchange: stage.exchange,
      ordered: stage.ordered,
      ...(stage.sink === undefined ? {} : { sink: sinkText(stage.sink) }),
      root: stage.root,
      actual: withTiming(
        actuals?.summary.stages.find(({ id }) => id === stage.id),
        shown,
      ),
    })),
    ...(actuals === undefined || !shown.summary
      ? {}
      : {
          actual: {
            rows: actuals.summary.rows,
            bytesRead: actuals.summary.bytesRead,
            milliseconds: actuals.milliseconds,
            driver: actuals.driver,
            run: actuals.runId,
          },
        }),
  };
}

function stageLine(stage: Stage, plan: PhysicalPlan, names: (id: number) => string): string {
  const parts = [count(stage.tasks.length, 'task')];
  const splits = stage.tasks.flatMap((task) => Object.values(task.splits)).flat();
  if ([...operatorsIn(stage.root)].some((op) => op.kind === 'scan'))
    parts.push(`${count(splits.length, 'split')}, ${size(bytesOf(stage))}`);
  if (stage.exchange !== undefined)
    parts.push(`rows to ${count(stage.exchange.partitions, 'partition')} by hash of ${stage.exchange.by.map(names).join(', ')}`);
  if (stage.ordered && stage === plan.stages.at(-1)) parts.push('in order');
  return `Stage ${stage.id} (${stage.kind}): ${parts.join(' · ')}`;
}

function sinkText(sink: StageSink): string {
  switch (sink.kind) {
    case 'write':
      return `Write files for ${sink.table.schema}.${sink.table.table}: ${sink.columns.map((column) => column.name).join(', ')}`;
    case 'commit':
      return `Commit to ${sink.table.schema}.${sink.table.table} what stage ${sink.stage} wrote`;
    case 'format':
      return `Write as ${sink.file.format.kind === 'copy' ? sink.file.format.copy.format : sink.file.format.kind}: ${sink.columns.map((column) => column.name).join(', ')}`;
    case 'publish':
      return `Put the file of stage ${sink.stage} at ${sink.file.location}`;
  }
}

function bytesOf(stage: Stage): number {
  return stage.tasks
    .flatMap((task) => Object.values(task.splits))
    .flat()
    .reduce((sum, split) => sum + split.bytes, 0);
}

function withTiming(actual: StageFigures | undefined, { timing }: ExplainShown): Partial<StageFigures> | undefined {
  return actual === undefined || timing ? actual : { ...actual, milliseconds: undefined };
}

function actualText(actual: Actuals['summary']['stages'][number], { timing }: ExplainShown): string {
  const parts = [
    count(actual.rows, 'row'),
    `read ${size(actual.bytesRead)}`,
    ...(timing ? [`${actual.milliseconds.toFixed(1)} ms`] : []),
    count(actual.tasks, 'task'),
  ];
  if (actual.skipped !== undefined)
    parts.push(`skipped by dynamic filters: ${count(actual.skipped.files, 'file')}, ${count(actual.skipped.rows, 'row')}`);
  if (actual.retries > 0) parts.push(actual.retries === 1 ? '1 retry' : `${actual.retries} retries`);
  return parts.join(' · ');
}
