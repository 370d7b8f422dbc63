import { randomUUID } from 'node:crypto';
import { instantText } from '../planner/instant.js';
import { operatorsIn } from '../planner/logical-plan.js';
import type { Operator, PhysicalPlan, Stage } from '../planner/physical-plan.js';
import { asTimelineError, TimelineError, unsupported } from '../sql/errors.js';
import { Oid } from '../sql/types.js';
import { planDialectStatement } from './dialect-statement.js';
import type { EngineContext } from './engine-context.js';
import { intervalHash, intervalReplayId, isAddedToTable } from './replay/interval-id.js';
import { temporalShape } from './replay/plan-shape.js';
import type { PlanAnswer, PlannedReplay, ReplayPlanner, ReplayRequest } from './replay/replay-planner.js';
import type { ReplayEnd, ReplaySubmission, ResultWish } from './replay/replay-record.js';
import { resultMetadata } from './replay/result-columns.js';
import { RESULTS_SCHEMA } from './replay/results-connector.js';
import { isRepeatable, reuseHash } from './replay-reuse.js';
import { type ReplayTarget, replayTarget, writtenResult } from './replay-target.js';
import { planSelect, type SelectContext, type SelectStatement } from './select.js';
import { analysisOf, asOfOf, type SessionScope, selectContextOf } from './session-context.js';
import { SessionViews } from './session-views.js';
import { Settings } from './settings.js';
import { sha256 } from './sha256.js';

export interface SubmitPlanner extends ReplayPlanner {
  /** With what the planner remarks, for the session. */
  plan(request: ReplayRequest, signal: AbortSignal): Promise<PlanAnswer & { readonly notices?: readonly string[] }>;
  /** Throws what would be wrong with a request, as far as it can be told without planning it. */
  check(request: ReplayRequest, signal: AbortSignal): Promise<void>;
  /** A replay that was planned before; undefined: its plan is gone. */
  planned(id: string, settings?: ReplayRequest['settings']): Promise<PlannedReplay | undefined>;
  /** What a request's `result` means. */
  resultOf(result: string): Promise<ResultWish>;
}

/** Of one statement. */
const INSTANTS: readonly number[] = [Oid.timestamptz, Oid.timestamptz];
/** A replay that failed is run anew under the next number; nobody tries for ever. */
const MOST_RUNS = 1000;
/** What goes through Temporal of the SQL: its first line is shown. */
const SENT_SQL = 2000;

/** Plans replays with the settings of the session that asked for them: in a gateway, or in a worker that runs a schedule. */
export function createSubmitPlanner(engine: EngineContext): SubmitPlanner {
  const { registry, store } = engine;

  function scopeOf({ user, settings: given }: ReplayRequest): SessionScope {
    const { database = 'timeline', ...own } = given;
    const settings = new Settings({
      serverVersion: engine.postgres.version,
      user,
      postgres: engine.postgresSettings,
      onReport: () => undefined,
    });
    for (const [name, value] of Object.entries(own)) settings.setInitial(name, value);
    return { user, database, settings };
  }

  /** The request's SQL, analysed: a query, over tables of ours or not. */
  async function analysed(
    request: ReplayRequest,
    scope: SessionScope,
    text: string,
    kind: 'select' | 'insert' = 'select',
  ): Promise<SelectStatement> {
    const planned = await planDialectStatement({
      text,
      parameterTypes: request.kind === 'interval' ? INSTANTS : [],
      engine,
      analysis: analysisOf(scope),
      views: new SessionViews(),
      asOf: asOfOf(scope.settings),
      dialect: scope.settings.own('timeline.dialect'),
      onNotice: () => undefined,
      everyQuery: true,
    });
    if (planned === undefined) throw new TimelineError({ kind: 'syntax', sqlstate: '42601', message: 'there is no statement to run' });
    if (planned.kind !== kind || (planned.kind !== 'select' && planned.kind !== 'insert')) {
      throw unsupported('a replay of anything but one query', {
        hint: "Rows go into a table by result => 'schema.table', and into a file by result => 'file'.",
      });
    }
    const most = request.kind === 'interval' ? INSTANTS.length : 0;
    if (planned.parameterTypes.length > most) {
      const hint = most === 0 ? 'Write the values into the SQL.' : "$1 and $2 are the interval's bounds.";
      throw new TimelineError({ kind: 'semantic', sqlstate: '42P02', message: `there is no parameter $${most + 1}`, hint });
    }
    return planned.statement;
  }

  const parametersOf = ({ interval }: ReplayRequest): readonly string[] =>
    interval === undefined ? [] : [instantText(interval.from), instantText(interval.until)];

  function contextOf(scope: SessionScope, signal: AbortSignal): SelectContext {
    return selectContextOf(engine, scope, { pins: new Map(), signal, onProgress: undefined });
  }

  /** The query itself, then what becomes of its rows, under one clock and with the same snapshots. */
  async function prepared(request: ReplayRequest, signal: AbortSignal) {
    const scope = scopeOf(request);
    const statement = await analysed(request, scope, request.sql);
    const context = contextOf(scope, signal);
    const target = replayTarget(writtenResult(request.result), {
      context,
      statement,
      interval: request.interval,
      parameters: parametersOf(request),
      insert: (table) => analysedInsert(request, scope, table),
    });
    return { scope, statement, context, target };
  }

  /** INSERT of the query's rows: columns in their order, as PostgreSQL assigns them. */
  async function analysedInsert(request: ReplayRequest, scope: SessionScope, table: string): Promise<SelectStatement> {
    if (scope.settings.own('timeline.dialect') !== 'postgres')
      throw unsupported('a replay in another dialect into a table that exists', { hint: "SET timeline.dialect = 'postgres' first." });
    const lead = `insert into ${table} `;
    const statement = await analysed(request, scope, `${lead}${request.sql}`, 'insert').catch((thrown: unknown) => {
      if (!(thrown instanceof TimelineError) || thrown.position === undefined) throw thrown;
      throw thrown.at(thrown.position > lead.length ? thrown.position - lead.length : undefined);
    });
    return { ...statement, original: request.sql, mapPosition: (position) => Math.max(1, statement.mapPosition(position) - lead.length) };
  }

  async function planOf(
    request: ReplayRequest,
    target: ReplayTarget,
    context: SelectContext,
    id: string,
  ): Promise<{ readonly plan: PhysicalPlan; readonly wish: ResultWish }> {
    const { statement, writing, wish } = await target.place(id);
    const plan = await planSelect(statement, parametersOf(request), context, writing);
    return { plan: withOrigin(plan, { id, sql: request.sql }), wish };
  }

  /** Writes plan and record under the first id of the sequence that is free; or says which one is there, and how. */
  async function placed(options: {
    readonly request: ReplayRequest;
    readonly statement: SelectStatement;
    readonly idOf: (run: number) => string;
    readonly reuse: string | null;
    readonly planFor: (id: string) => Promise<{ readonly plan: PhysicalPlan; readonly wish: ResultWish }>;
  }): Promise<PlanAnswer & { readonly notices?: readonly string[] }> {
    const { request, statement, idOf, reuse, planFor } = options;
    for (let run = 1; run <= MOST_RUNS; run++) {
      const id = idOf(run);
      const there = await registry.submission(id);
      if (there === undefined) {
        const made = await planFor(id);
        const json = JSON.stringify(made.plan);
        await store.writePlan(id, Buffer.from(json, 'utf8'));
        // Somebody who died before the record was written may have left another plan; or somebody else is doing the same now.
        const plan = await store.readPlan(store.planRef(id));
        const replay = plannedReplay(id, plan, request);
        const submission: ReplaySubmission = {
          version: 1,
          id,
          name: request.name,
          kind: request.kind,
          ...(request.parent === undefined ? {} : { parent: request.parent }),
          ...(request.interval === undefined ? {} : { interval: request.interval }),
          user: request.user,
          sql: request.sql,
          parameters: parametersOf(request),
          submittedAt: Date.now(),
          columns: statement.columns.map(({ name, type }) => ({ name, oid: type.oid, typmod: type.typmod })),
          snapshots: plan.snapshots,
          stages: plan.stages.map(({ id: stage, tasks }) => ({ id: stage, tasks: tasks.length })),
          result: made.wish,
          reuse,
        };
        // A workflow keeps what it is told; nobody reads remarks there.
        const notices = request.kind === 'replay' ? { notices: plan.notices } : {};
        if (await registry.submit(submission)) return { kind: 'planned', replay, ...notices };
        run -= 1;
        continue;
      }
      const end = await registry.ended(id);
      if (end !== undefined && (end.state !== 'completed' || !(await isKept(there, end)))) continue;
      // A schedule that was made anew under its name may ask for something else.
      if (request.kind === 'interval' && there.reuse !== reuse) continue;
      if (end === undefined && request.kind === 'interval') {
        const replay = await planned(id, request.settings);
        if (replay !== undefined) return { kind: 'planned', replay };
      }
      return { kind: 'exists', id, ended: end !== undefined };
    }
    throw new TimelineError({ kind: 'limit', sqlstate: '54000', message: `the replay has failed ${MOST_RUNS} times` });
  }

  /** Is the result of a completed one still there? */
  async function isKept({ id, kind }: ReplaySubmission, { place, endedAt }: ReplayEnd): Promise<boolean> {
    // An interval is run once, whatever became of its rows since.
    if (kind === 'interval') return true;
    const { retention } = engine.config.replays;
    if (retention !== undefined && Date.now() - endedAt > retention) return false;
    if (place === undefined || place.kind === 'table') return true;
    if (place.kind === 'file' && !place.location.endsWith('.parquet')) return true;
    try {
      return (await engine.catalog().connector('results')?.describe({ schema: RESULTS_SCHEMA, table: id })) !== undefined;
    } catch (thrown) {
      if (asTimelineError(thrown).sqlstate === '55000') return false;
      throw thrown;
    }
  }

  function plannedReplay(
    id: string,
    plan: PhysicalPlan,
    request: Pick<ReplayRequest, 'user' | 'sql'> & { readonly settings?: ReplayRequest['settings'] },
  ): PlannedReplay {
    return {
      id,
      planRef: store.planRef(id),
      planHash: sha256(JSON.stringify(plan)),
      spec: temporalShape(plan, maxBytesOf(request)),
      sources: [...new Set(plan.stages.flatMap((stage) => scannedTables(stage)))],
      user: request.user,
      sql: request.sql.slice(0, SENT_SQL),
    };
  }

  function maxBytesOf({
    user,
    sql,
    settings,
  }: Pick<ReplayRequest, 'user' | 'sql'> & { readonly settings?: ReplayRequest['settings'] }): number | undefined {
    const scope = scopeOf({ name: null, kind: 'replay', user, sql, settings: settings ?? {}, result: 'inline' });
    return contextOf(scope, new AbortController().signal).maxBytes;
  }

  async function planned(id: string, settings?: ReplayRequest['settings']): Promise<PlannedReplay | undefined> {
    const submission = await registry.submission(id);
    if (submission === undefined || submission.kind === 'backfill') return undefined;
    const plan = await store.findPlan(id);
    return plan === undefined ? undefined : plannedReplay(id, plan, { ...submission, ...(settings === undefined ? {} : { settings }) });
  }

  return {
    planned,
    async resultOf(result) {
      const written = writtenResult(result);
      if (written.kind === 'inline') return written;
      if (written.kind === 'file') return { kind: 'file', location: written.location ?? engine.config.replays.results };
      return { kind: 'table', schema: written.name.schema ?? '', table: written.name.name };
    },
    async check(request, signal) {
      const { target } = await prepared(request, signal);
      await target.check();
    },
    async plan(request, signal) {
      signal.throwIfAborted();
      const { statement, context, target } = await prepared(request, signal);
      const planFor = (id: string) => planOf(request, target, context, id);
      if (request.interval !== undefined) {
        const { interval } = request;
        const base = intervalReplayId(interval, isAddedToTable(request.result) ? undefined : request.parent);
        const reuse = intervalHash(request, interval);
        return placed({ request, statement, idOf: (run) => (run === 1 ? base : `${base}-r${run}`), reuse, planFor });
      }
      if (request.name === null) return placed({ request, statement, idOf: () => `replay-${randomUUID()}`, reuse: null, planFor });
      const plan = await planSelect(statement, [], context);
      const reuse = isRepeatable(plan) ? reuseHash(request, plan) : null;
      if (reuse === null) return placed({ request, statement, idOf: () => `replay-${randomUUID()}`, reuse, planFor });
      return placed({ request, statement, idOf: (run) => `replay-${reuse.slice(0, 32)}-${run}`, reuse, planFor });
    },
  };
}

function scannedTables(stage: Stage): readonly string[] {
  return [...operatorsIn(stage.root)].flatMap((op: Operator) => (op.kind === 'scan' ? [`${op.schema}.${op.table}`] : []));
}

/** The written table's snapshot, or the file, tells where its rows come from. */
function withOrigin(plan: PhysicalPlan, of: { readonly id: string; readonly sql: string }): PhysicalPlan {
  const origin = resultMetadata({ ...of, snapshots: plan.snapshots });
  const stages = plan.stages.map((stage): Stage => {
    const { sink } = stage;
    switch (sink?.kind) {
      case 'write':
      case 'commit':
        return { ...stage, sink: { ...sink, table: { ...sink.table, summary: { ...sink.table.summary, ...origin } } } };
      case 'format':
      case 'publish':
        return sink.file.format.kind === 'parquet' ? { ...stage, sink: { ...sink, file: { ...sink.file, metadata: origin } } } : stage;
      default:
        return stage;
    }
  });
  return { ...plan, stages };
}
