import { randomUUID } from 'node:crypto';
import { checkDialect } from '../planner/dialect-check.js';
import { type Actuals, explainJson, explainText } from '../planner/explain.js';
import { explainData } from '../planner/explain-format.js';
import { operatorsIn } from '../planner/logical-plan.js';
import type { PhysicalPlan, PlanSession, ScanIndex, StageFigures } from '../planner/physical-plan.js';
import { planQuery } from '../planner/plan-query.js';
import type { PinnedVersion, SystemTable } from '../planner/planning.js';
import type { WriteTarget } from '../planner/written-rows.js';
import type { CatalogueNames } from '../sql/catalogue-names.js';
import type { Dialect } from '../sql/dialect.js';
import { asTimelineError, internal, TimelineError } from '../sql/errors.js';
import type { ExplainOptions } from '../sql/explain-options.js';
import type { Constant } from '../sql/expression.js';
import { namesWith } from '../sql/extra-relations.js';
import { readQuery } from '../sql/node-tree.js';
import { isUsualText } from '../sql/parameter-text.js';
import type { AnalysisContext } from '../sql/postgres.js';
import type { Query } from '../sql/query.js';
import { quoteIdentifier } from '../sql/quote.js';
import { type ReplayRead, readsWith } from '../sql/replay-read.js';
import type { Batch, ResultColumn } from '../sql/result.js';
import { inUsersWords } from '../sql/timeline-words.js';
import { Oid, type } from '../sql/types.js';
import type { Catalog } from './catalog.js';
import { discardWritten } from './discard-written.js';
import type { EngineContext } from './engine-context.js';
import { closable, textColumn, textExecution } from './execution.js';
import type { ReplayRecord } from './history.js';
import type { Driver, Run, RunProgress, RunSummary } from './replay/driver.js';
import { closedEarly } from './replay/local-driver.js';
import { progressLine, secondsLeft } from './replay-progress.js';
import type { Execution, Notice } from './statement.js';
import type { StatementRelation } from './statement-tables.js';
import { withRecent } from './with-recent.js';

/** A SELECT over connector tables, rewritten so that the embedded Postgres can analyse it. */
export interface SelectStatement {
  /** As the user wrote it, for history. */
  readonly original: string;
  readonly rewritten: string;
  mapPosition(position: number): number;
  readonly parameterTypes: readonly number[];
  readonly columns: readonly ResultColumn[];
  /** Of this statement only: tables at snapshots, and tables about tables. */
  readonly relations: readonly StatementRelation[];
  /** They again, for these parameters and the session's version now. Throws 0A000 where the result would have other columns. */
  relationsNow(parameters: readonly (string | null)[], asOf: string | undefined): Promise<readonly StatementRelation[]>;
  /** By replay functions, for statistics. */
  readonly reads?: readonly ReplayRead[];
  /** The engine whose SQL it was written in; `rewritten` is PostgreSQL's all the same. */
  readonly dialect?: Dialect;
}

export interface SelectContext {
  readonly engine: EngineContext;
  readonly catalog: Catalog;
  /** What the embedded Postgres is told of the session. */
  readonly analysis: AnalysisContext;
  readonly driver: 'auto' | 'local' | 'temporal';
  readonly maxBytes: number | undefined;
  /** Rows of the answer. */
  readonly maxRows: number | undefined;
  /** Bytes of memory of one task. */
  readonly memory: number;
  readonly asOf: string | undefined;
  /** Statement start, microseconds since 1970. */
  readonly now: bigint;
  /** Snapshots pinned by the open transaction. */
  readonly pins: Map<string, Promise<PinnedVersion>>;
  readonly signal: AbortSignal;
  /** Present when the session wants to see progress (timeline.progress = on). */
  readonly onProgress: ((message: string) => void) | undefined;
}

/** Progress is told at most this often. */
const PROGRESS_MS = 1000;

/** Of what writes: its rows and where they go, from the analysed tree. */
export type Writing = (tree: string, names: CatalogueNames) => Promise<{ readonly query: Query; readonly write: WriteTarget }>;

/** Text -> analysed tree -> physical plan, with every snapshot pinned. */
export async function planSelect(
  statement: SelectStatement,
  parameters: readonly (string | null)[],
  context: SelectContext,
  writing?: Writing,
): Promise<PhysicalPlan> {
  const { engine, analysis } = context;
  const relations = await statement.relationsNow(parameters, context.asOf);
  const relationOf = (schema: string, table: string) => relations.find((one) => one.schema === schema && one.name === table);
  const tree = await engine.postgres
    .analyse(statement.rewritten, statement.parameterTypes, { ...analysis, relations })
    .catch((error: unknown) => {
      throw mapped(error, statement);
    });
  const constants = await parameterConstants(statement.parameterTypes, parameters, context);
  const names = namesWith(engine.postgres.names, relations);
  const { query, write } = writing === undefined ? { query: readQuery(tree, names), write: undefined } : await writing(tree, names);
  if (statement.dialect !== undefined) checkDialect(query, statement.dialect);
  const plan = await planQuery({
    query,
    ...(write === undefined ? {} : { write }),
    parameters: constants,
    context: {
      session: { timeZone: analysis.timeZone, now: context.now.toString(), memoryLimit: context.memory, ...skipping(analysis.settings) },
      connectorOf: (schema, table) => relationOf(schema, table)?.entry ?? context.catalog.find(schema, table, []),
      pin: async (connector, table) => {
        const relation = relationOf(table.schema, table.table);
        const entry = relation?.entry ?? context.catalog.find(table.schema, table.table, []);
        if (entry === undefined)
          throw new TimelineError({
            kind: 'semantic',
            sqlstate: '42P01',
            message: `relation "${table.schema}.${table.table}" does not exist`,
          });
        const asOf = relation === undefined ? context.asOf : relation.asOf;
        // What is on its way into a table is no part of any of its versions.
        const wanted = asOf === undefined && analysis.settings['timeline.include_recent'] === 'on';
        const recent = wanted ? context.catalog.recentOf(table) : undefined;
        const key = JSON.stringify([connector.name, entry.source, asOf, recent !== undefined]);
        let pinned = context.pins.get(key);
        if (pinned === undefined) {
          const version = entry.connector.pin(entry.source, asOf, context.signal);
          pinned = recent === undefined ? version : withRecent(version, { recent, entry, table, signal: context.signal });
          context.pins.set(key, pinned);
          pinned.catch(() => context.pins.delete(key));
        }
        return { ...(await pinned), ...(asOf === undefined || entry.connector.splitsHoldRows === true ? {} : { asOf }) };
      },
      evaluate: (exprs) => engine.postgres.evaluate(exprs, analysis),
      systemRows: (schema, table, columns) => systemRows({ schema, table, columns, context }),
      taskTargets: {
        splitBytes: Number(analysis.settings['timeline.split_bytes']),
        splitsPerTask: Number(analysis.settings['timeline.splits_per_task']),
        partitions: Number(analysis.settings['timeline.partitions']),
        smallBytes: Number(analysis.settings['timeline.small_bytes']),
        dynamicFilters: autoOnOff(analysis.settings['timeline.dynamic_filters']),
        carry: autoOnOff(analysis.settings['timeline.carry']),
        topN: autoOnOff(analysis.settings['timeline.top_n']),
      },
      timelineRules: { key_semi_join: autoOnOff(analysis.settings['timeline.key_semi_join']) },
      connectorAggregates: analysis.settings['timeline.connector_aggregates'] === 'off' ? 'off' : 'on',
      indexOf: (schema, table) => {
        // A table at a version has a name of its own; its files are the table's.
        const named = { schema, table: relationOf(schema, table)?.entry.source.table ?? table };
        const [first] = context.catalog.indexesOf(named.schema, named.table);
        return first === undefined ? undefined : { name: first.catalog, index: first.index, table: named };
      },
      useIndex: autoOnOff(analysis.settings['timeline.use_index']),
      signal: context.signal,
    },
  });
  for (const { result } of searchedIndexes(plan)) engine.metrics.indexSearches.inc({ result });
  return plan;
}

/** What came of indexes that were searched while planning. */
function searchedIndexes(plan: PhysicalPlan): readonly (ScanIndex & { readonly table: string })[] {
  return plan.stages
    .flatMap((stage) => [...operatorsIn(stage.root)])
    .flatMap((op) =>
      op.kind === 'scan' && op.index !== undefined && op.index.result !== 'not asked'
        ? [{ ...op.index, table: `${op.schema}.${op.table}` }]
        : [],
    );
}

/** For timeline.queries. */
function indexUse(plan: PhysicalPlan): string | undefined {
  const texts = searchedIndexes(plan).map(({ table, name, text }) => `${table} by ${name}: ${text}`);
  return texts.length === 0 ? undefined : [...new Set(texts)].join('\n');
}

/** The parameters' values; texts that mean something in this session only are read by PostgreSQL, as it does when it binds them. */
async function parameterConstants(
  types: readonly number[],
  values: readonly (string | null)[],
  { engine, analysis }: SelectContext,
): Promise<readonly Constant[]> {
  const constants = types.map((oid, i): Constant => ({ kind: 'constant', type: type(oid), value: values[i] ?? null }));
  const odd = constants.filter(({ type: { oid }, value }) => value !== null && !isUsualText(oid, value));
  if (odd.length === 0) return constants;
  const read = await engine.postgres.evaluate(odd, analysis);
  return constants.map((constant) => {
    const found = odd.indexOf(constant);
    if (found < 0) return constant;
    const value = read[found];
    if (value === undefined) throw internal('a parameter was not read');
    if (value instanceof TimelineError) throw value;
    return value;
  });
}

function autoOnOff(setting: string | undefined): 'auto' | 'on' | 'off' {
  return setting === 'on' || setting === 'off' ? setting : 'auto';
}

/** Read as the session's user, in its own time zone. */
async function systemRows(request: {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly string[];
  readonly context: SelectContext;
}): Promise<SystemTable> {
  const { schema, table, columns, context } = request;
  const sql = `select ${columns.map(quoteIdentifier).join(', ')} from ${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
  return context.engine.postgres.query(sql, [], context.analysis, { signal: context.signal });
}

/** Plans and starts a SELECT; its rows come as tasks commit them. */
export async function runSelect(
  statement: SelectStatement,
  parameters: readonly (string | null)[],
  context: SelectContext,
): Promise<Execution> {
  const plan = await planSelect(statement, parameters, context);
  const notices = plan.notices.map(notice);
  const { run, record } = await startRun(plan, statement, parameters, context, notices);
  return {
    columns: statement.columns,
    batches: closable(resultBatches(plan, run, record, context, notices), async () => {
      endRecord(context.engine, record, context.signal.aborted ? asTimelineError(context.signal.reason) : closedEarly(), undefined);
      await run.release();
    }),
    tag: (rows) => `SELECT ${rows}`,
    notices,
  };
}

/** What a write's commit said. */
export interface WriteResult {
  readonly rows: number;
  readonly snapshot: string | null;
  readonly notices: readonly Notice[];
}

/** Runs a statement whose rows are written, to its end. */
export async function runWrite(
  statement: SelectStatement,
  parameters: readonly (string | null)[],
  context: SelectContext,
  writing: Writing,
): Promise<WriteResult> {
  const plan = await planSelect(statement, parameters, context, writing);
  const notices = plan.notices.map(notice);
  const { run, record } = await startRun(plan, statement, parameters, context, notices);
  let result: WriteResult | undefined;
  const unwritten = (error: TimelineError): Promise<void> =>
    discardWritten({ plan, run, driver: record.driver, error, engine: context.engine });
  try {
    for await (const batch of resultBatches(plan, run, record, { ...context, maxRows: undefined }, notices, unwritten)) {
      if (batch.kind !== 'columns') continue;
      const [rows, snapshot, , files] = batch.columns.map((column) => column[0] ?? null);
      result = { rows: Number(rows), snapshot: typeof snapshot === 'string' ? snapshot : null, notices };
      if (result.snapshot !== null && files != null && Number(files) > 0)
        notices.push(notice(`snapshot ${result.snapshot}: ${counted(Number(files), 'file')}, ${counted(result.rows, 'row')}`));
    }
  } catch (thrown) {
    const error = asTimelineError(thrown);
    if (error.kind !== 'cancelled' || error.detail !== undefined) throw error;
    // A commit that has been sent cannot be called back, and nobody waited for its answer.
    const detail = `Unless its commit was under way, nothing was written; the batch would be ${run.id}.`;
    throw new TimelineError({ ...error.toJSON(), detail, cause: error.cause });
  }
  if (result === undefined) throw internal('a write ended without its result');
  return result;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

const XML = 142;

/** EXPLAIN answers in a type of its own for JSON and XML, as PostgreSQL does. */
export function explainColumn({ format }: ExplainOptions): ResultColumn {
  const column = textColumn('QUERY PLAN');
  switch (format) {
    case 'json':
      return { ...column, type: type(Oid.json) };
    case 'xml':
      return { ...column, type: type(XML) };
    case 'text':
    case 'yaml':
      return column;
  }
}

/** EXPLAIN [ANALYZE]: the plan as rows of text; with `analyze` it runs first, and its rows are counted and dropped. */
export async function explainSelect(
  statement: SelectStatement,
  parameters: readonly (string | null)[],
  context: SelectContext,
  options: ExplainOptions,
  writing?: Writing,
): Promise<Execution> {
  const plan = await planSelect(statement, parameters, context, writing);
  let actuals: Actuals | undefined;
  if (options.analyze) {
    const { run, record } = await startRun(plan, statement, parameters, context, []);
    const started = performance.now();
    // Its rows are no answer.
    for await (const batch of resultBatches(plan, run, record, { ...context, maxRows: undefined }, [])) void batch;
    const summary = await run.summary;
    actuals = { summary, driver: record.driver, runId: run.id, milliseconds: performance.now() - started };
  }
  const lines =
    options.format === 'text' ? explainText(plan, actuals, options) : [explainData(explainJson(plan, actuals, options), options.format)];
  return textExecution({ columns: [explainColumn(options)], rows: lines.map((line) => [line]), tag: () => 'EXPLAIN' });
}

async function startRun(
  plan: PhysicalPlan,
  statement: SelectStatement,
  parameters: readonly (string | null)[],
  context: SelectContext,
  notices: Notice[],
): Promise<{ readonly run: Run; readonly record: ReplayRecord }> {
  const { engine } = context;
  const sql = statement.original;
  const replay = statement.reads === undefined ? undefined : readsWith(statement.reads, parameters);
  const id = `replay-${randomUUID()}`;
  const tasks = plan.stages.reduce((sum, stage) => sum + stage.tasks.length, 0);
  const scans = fileCounts(plan);
  const used = indexUse(plan);
  let record: ReplayRecord = {
    id,
    driver: 'local',
    state: 'running',
    user: context.analysis.user,
    sql,
    ...(replay === undefined ? {} : { replay }),
    startedAt: Date.now(),
    endedAt: undefined,
    stages: plan.stages.length,
    tasks,
    tasksDone: 0,
    rows: 0,
    bytesRead: 0,
    filesTotal: scans.total,
    filesRead: scans.read,
    ...(used === undefined ? {} : { indexUse: used }),
    sqlstate: undefined,
    error: undefined,
  };
  const rows = rowsHeld(plan, context.catalog);
  let told = Date.now();
  const onProgress = (progress: RunProgress): void => {
    const current = engine.history.get(id);
    if (context.onProgress !== undefined && Date.now() - told >= PROGRESS_MS) {
      told = Date.now();
      context.onProgress(
        progressLine({
          ...progress,
          stage: plan.stages.findIndex(({ id: stage }) => stage === progress.stage) + 1,
          stages: plan.stages.length,
          secondsLeft: secondsLeft({ ...progress, milliseconds: Date.now() - record.startedAt }),
        }),
      );
    }
    if (current?.state === 'running')
      engine.history.put({ ...current, tasksDone: progress.tasksDone, rows: progress.rows, bytesRead: progress.bytesRead });
  };
  const onRemark = (text: string): void => context.onProgress?.(text);
  const start = async (driver: Driver): Promise<Run> => {
    record = { ...record, driver: driver.kind };
    engine.history.put(record);
    const { analysis, signal, maxBytes } = context;
    return driver.start(plan, { id, sql, user: analysis.user, signal, maxBytes, holdsRows: rows !== 'none', onProgress, onRemark });
  };
  try {
    return { run: await start(chooseDriver(context, rows)), record };
  } catch (thrown) {
    const error = asTimelineError(thrown);
    // Only `auto` may go on without the durable engine, and it says so; `temporal` fails with what to do.
    if (context.driver === 'auto' && record.driver === 'temporal' && error.sqlstate.startsWith('08') && !context.signal.aborted) {
      notices.push({ severity: 'WARNING', sqlstate: '01000', message: `running in this process: ${error.message}` });
      return { run: await start(engine.drivers.local), record };
    }
    endRecord(engine, record, error, undefined);
    throw error;
  }
}

/** Do splits of the plan hold rows of this process: those of all scans, or of some? */
function rowsHeld(plan: PhysicalPlan, catalog: Catalog): 'none' | 'some' | 'all' {
  const scans = plan.stages.flatMap((stage) => [...operatorsIn(stage.root)]).filter((op) => op.kind === 'scan');
  const holding = scans.filter((scan) => catalog.find(scan.schema, scan.table, [])?.connector.splitsHoldRows === true);
  return holding.length === 0 ? 'none' : holding.length === scans.length ? 'all' : 'some';
}

/** What the engine tells of itself (schema timeline) is answered by the process that knows it, whatever the session's driver. */
function chooseDriver(context: SelectContext, rows: ReturnType<typeof rowsHeld>): Driver {
  const { drivers } = context.engine;
  if (rows === 'all') return drivers.local;
  switch (context.driver) {
    case 'local':
      return drivers.local;
    case 'auto':
      return drivers.temporal ?? drivers.local;
    case 'temporal':
      if (drivers.temporal !== undefined) return drivers.temporal;
      throw new TimelineError({
        kind: 'connector',
        sqlstate: '08001',
        message: `the durable engine cannot take queries: ${drivers.temporalState}`,
        hint: 'Wait until it is up, set TEMPORAL_ADDRESS to a running Temporal, or SET timeline.driver = local.',
      });
  }
}

/** 54000: the answer is larger than timeline.max_rows allows. */
export function tooManyRows(maxRows: number): TimelineError {
  return new TimelineError({
    kind: 'limit',
    sqlstate: '54000',
    message: `the query returns more than ${maxRows} rows`,
    hint: 'Add a LIMIT, an aggregate or a filter on time, or raise the limit with SET timeline.max_rows (0: none but that of the server).',
  });
}

function withMemoryHint(error: TimelineError, memory: number): TimelineError {
  if (error.sqlstate !== '53200' || error.hint !== undefined) return error;
  const hint =
    `A task may take ${memory} bytes. Read less (a filter on time, fewer columns), sort or group by less, ` +
    'or raise the limit with SET timeline.memory, up to that of the server (limits.task_memory).';
  return new TimelineError({ ...error.toJSON(), hint, cause: error.cause });
}

async function* resultBatches(
  plan: PhysicalPlan,
  run: Run,
  record: ReplayRecord,
  context: SelectContext,
  notices: Notice[],
  failed?: (error: TimelineError) => Promise<void>,
): AsyncGenerator<Batch> {
  const { engine } = context;
  const writes = plan.stages.at(-1)?.sink !== undefined;
  let rows = 0;
  let rowsWritten: number | undefined;
  let failure: TimelineError | undefined;
  let finished = false;
  try {
    for await (const file of run.files) {
      for await (const batch of engine.kernel.read([file], plan.output, context.signal)) {
        rows += batch.kind === 'columns' ? batch.rowCount : batch.rows.length;
        // The only row of such a plan says what was written.
        if (writes && batch.kind === 'columns') rowsWritten = Number(batch.columns[0]?.[0] ?? 0);
        if (context.maxRows !== undefined && rows > context.maxRows) throw tooManyRows(context.maxRows);
        yield batch;
      }
    }
    const summary = await run.summary;
    notices.push(...summary.notices.map(notice));
    finished = true;
    endRecord(engine, { ...record, rows: rowsWritten ?? rows, ...(rowsWritten === undefined ? {} : { rowsWritten }) }, undefined, summary);
  } catch (thrown) {
    const reason: unknown = context.signal.aborted ? context.signal.reason : thrown;
    failure = withMemoryHint(asTimelineError(reason), context.memory);
    throw failure;
  } finally {
    // A portal closed half-way: the rows the client wanted have been sent, and closing run.files ended the work.
    if (!finished) endRecord(engine, { ...record, rows }, failure ?? closedEarly(), undefined);
    if (failure !== undefined) await failed?.(failure);
    await run.release();
  }
}

function rowGroups(summary: RunSummary | undefined): Partial<ReplayRecord> {
  const { total, read } = groupCounts(summary?.stages ?? []);
  return total === 0 ? {} : { rowGroupsTotal: total, rowGroupsRead: read };
}

function endRecord(engine: EngineContext, record: ReplayRecord, error: TimelineError | undefined, summary: RunSummary | undefined): void {
  const ended: ReplayRecord = {
    ...record,
    state: error === undefined ? 'completed' : error.kind === 'cancelled' ? 'cancelled' : 'failed',
    endedAt: Date.now(),
    tasksDone:
      summary === undefined ? (engine.history.get(record.id)?.tasksDone ?? 0) : summary.stages.reduce((sum, stage) => sum + stage.tasks, 0),
    ...rowGroups(summary),
    bytesRead: summary?.bytesRead ?? engine.history.get(record.id)?.bytesRead ?? 0,
    sqlstate: error?.sqlstate,
    error: error?.message,
  };
  engine.history.put(ended);
  engine.metrics.queries.inc({ driver: ended.driver, outcome: ended.state });
  engine.metrics.seconds.observe({ driver: ended.driver }, ((ended.endedAt ?? 0) - ended.startedAt) / 1000);
  engine.metrics.tasks.inc({ driver: ended.driver }, ended.tasksDone);
  engine.metrics.rows.inc(ended.rows);
  engine.metrics.bytesRead.inc(ended.bytesRead);
  noteReads(engine, ended);
}

/** A query with reads of several functions counts for none of them alone. */
function noteReads({ metrics }: EngineContext, { replay, rows, startedAt, endedAt = startedAt }: ReplayRecord): void {
  const [first] = replay ?? [];
  if (replay === undefined || first === undefined) return;
  const name = replay.every((one) => one['function'] === first['function']) ? (first['function'] ?? '') : 'several';
  metrics.replaySeconds.observe({ function: name }, (endedAt - startedAt) / 1000);
  metrics.replayEvents.inc({ function: name }, rows);
}

/** Only what is not left to the connector, so that plans stay as short as they can. */
function skipping(settings: Readonly<Record<string, string>>): Partial<Pick<PlanSession, 'skipping'>> {
  const chosen = (name: string): 'on' | 'off' | undefined => {
    const value = settings[name];
    return value === 'on' || value === 'off' ? value : undefined;
  };
  const [pageIndex, bloomFilters] = [chosen('timeline.page_index'), chosen('timeline.bloom_filters')];
  if (pageIndex === undefined && bloomFilters === undefined) return {};
  return { skipping: { ...(pageIndex === undefined ? {} : { pageIndex }), ...(bloomFilters === undefined ? {} : { bloomFilters }) } };
}

/** Row groups of the files that were read, and of those the ones that were left. */
function groupCounts(stages: readonly StageFigures[]): { readonly total: number; readonly read: number } {
  const steps = stages.flatMap((stage) => stage.pruned ?? []);
  const groups = steps.filter(({ step }) => step === 'row groups');
  const looked = groups.reduce((sum, { before }) => sum + before, 0);
  // Those that a top-N left out were in no other step; those that it left, only where filters tell row groups apart.
  const total = stages.reduce((sum, { pruned = [] }) => {
    const tops = pruned.filter(({ step }) => step === 'row groups by top-N');
    const counted = pruned.some(({ step }) => step === 'row groups');
    return tops.reduce((all, { before, after }) => all + before - (counted ? after : 0), sum);
  }, looked);
  // Each later step of a stage narrows what the one before left.
  const out = steps.filter(({ step }) => step.startsWith('row groups')).reduce((sum, { before, after }) => sum + before - after, 0);
  return { total, read: total - out };
}

/** Data files of all scans, before and after pruning. */
function fileCounts(plan: PhysicalPlan): { readonly total: number; readonly read: number } {
  let total = 0;
  let read = 0;
  for (const op of plan.stages.flatMap((stage) => [...operatorsIn(stage.root)])) {
    if (op.kind !== 'scan') continue;
    const files = op.pruning.filter((step) => step.step.includes('file'));
    total += files[0]?.before ?? 0;
    read += files.at(-1)?.after ?? 0;
  }
  return { total, read };
}

function notice(message: string): Notice {
  return { severity: 'NOTICE', sqlstate: '00000', message };
}

/** Errors of the rewritten text, at the place of the user's text. */
export function mapped(thrown: unknown, statement: Pick<SelectStatement, 'mapPosition'> & { readonly rewritten?: string }): TimelineError {
  const error = asTimelineError(thrown);
  const placed = error.position === undefined ? error : error.at(statement.mapPosition(error.position));
  return statement.rewritten === undefined ? placed : inUsersWords(error, placed, statement.rewritten);
}
