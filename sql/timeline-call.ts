import { tooDeep, unsupported } from './errors.js';
import { listOf, nameParts, nodeOf, type ParseNode, taggedNode, textOf } from './parse-tree.js';
import { rewriteReplayFunction } from './replay-call.js';
import type { ReplayRead } from './replay-read.js';
import { selectColumns, type TableLookup, type VisibleCtes } from './source-columns.js';
import { assemble, type Edit, type Piece, SourceText } from './source-text.js';
import { callError } from './timeline-options.js';
import { rewriteTimeline } from './timeline-rewrite.js';
import type { CallScope } from './timeline-source.js';
import { placeOf } from './timeline-texpr.js';

export interface RewrittenCalls {
  readonly text: string;
  /** From a 1-based position (code points) in `text` to one in the text before. */
  readonly mapPosition: (position: number) => number;
  /** How many calls there were. */
  readonly calls: number;
  /** Of replay functions. */
  readonly reads: readonly ReplayRead[];
}

const CALLS: ReadonlySet<string> = new Set(['timeline', 'read_until', 'read_range', 'version_at']);

/**
 * Replaces every TIMELINE(), read_until(), read_range() and version_at() in FROM by a subselect of its columns, in which
 * operators are functions of schema `timeline_ops`, so that PostgreSQL's analyser finds all types. `tree` is libpg-query's
 * tree of `text`. `lookup` tells columns and properties of tables (schema undefined: along the search path). `parameterTypes` are
 * those that the client declared.
 *
 *     timeline(ev, key => k, ts => t, s => latest(st), until => $1)
 *     (SELECT "~s"."k" AS "k", NULL::timestamptz AS started_at, …, (timeline_ops.latest(st)) AS "s" FROM ev AS "~s"
 *      WHERE timeline_ops.call('{…}', NULL, ($1), …) AND timeline_ops.ts("~s"."t"))
 *
 * Throws what the specification's sections 1, 2 and 7 say about the call's form, with positions in `text`.
 */
export function rewriteTimelineCalls(
  text: string,
  tree: unknown,
  lookup: TableLookup,
  parameterTypes: readonly number[] = [],
): RewrittenCalls {
  if (!/timeline|read_until|read_range|version_at/i.test(text)) return { text, mapPosition: (position) => position, calls: 0, reads: [] };
  try {
    const source = new SourceText(text);
    const rewriter = new Rewriter(source, lookup, parameterTypes);
    const edits = rewriter.editsIn(tree, new Map());
    if (edits.length === 0) return { text, mapPosition: (position) => position, calls: 0, reads: [] };
    return { ...assemble(source, source.render(0, source.length, edits)), calls: rewriter.calls, reads: rewriter.reads };
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw tooDeep(thrown);
  }
}

class Rewriter {
  readonly #source: SourceText;
  readonly #lookup: TableLookup;
  readonly #parameterTypes: readonly number[];
  calls = 0;
  readonly reads: ReplayRead[] = [];

  constructor(source: SourceText, lookup: TableLookup, parameterTypes: readonly number[]) {
    this.#source = source;
    this.#lookup = lookup;
    this.#parameterTypes = parameterTypes;
  }

  /** Edits for the outermost calls below a value. */
  editsIn(value: unknown, ctes: VisibleCtes): Edit[] {
    if (Array.isArray(value)) return value.flatMap((item) => this.editsIn(item, ctes));
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([key, child]) => {
      if (key === 'RangeFunction') return this.#rangeFunction(nodeOf(child), ctes);
      // the sides of a set operation stand without their tag
      if (key === 'SelectStmt' || ((key === 'larg' || key === 'rarg') && nodeOf(child)['op'] !== undefined))
        return this.#select(nodeOf(child), ctes);
      return this.editsIn(child, ctes);
    });
  }

  #select(select: ParseNode, outer: VisibleCtes): Edit[] {
    const { withClause, ...rest } = select;
    const clause = nodeOf(withClause);
    const recursive = clause['recursive'] === true;
    const ctes = new Map(outer);
    const definitions = listOf(clause['ctes']).map((item) => taggedNode(item).body);
    if (recursive) for (const cte of definitions) ctes.set(textOf(cte['ctename']), undefined);
    const edits: Edit[] = [];
    for (const cte of definitions) {
      // without RECURSIVE a WITH query sees those before it, and tables of its own name
      edits.push(...this.editsIn(cte['ctequery'], new Map(ctes)));
      const renamed = nameParts(cte['aliascolnames']);
      const query = taggedNode(cte['ctequery']);
      // a recursive one has the names of its first part, which does not read it
      const columns = query.tag !== 'SelectStmt' ? undefined : selectColumns(query.body, { ctes: new Map(ctes), lookup: this.#lookup });
      ctes.set(
        textOf(cte['ctename']),
        columns?.map((column, n) => renamed[n] ?? column),
      );
    }
    return [...edits, ...this.editsIn(rest, ctes)];
  }

  #rangeFunction(range: ParseNode, ctes: VisibleCtes): Edit[] {
    const functions = listOf(range['functions']);
    const calls = functions.map((item) => taggedNode(listOf(nodeOf(nodeOf(item)['List'])['items'])[0]));
    const names = calls.map(({ tag, body }) => (tag === 'FuncCall' ? nameParts(body['funcname']) : []));
    const at = names.findIndex((parts) => parts.length === 1 && CALLS.has(parts[0]?.toLowerCase() ?? ''));
    const call = calls[at]?.body;
    if (call === undefined) return this.editsIn(range['functions'], ctes);
    const name = names[at]?.[0]?.toLowerCase() ?? '';
    const location = placeOf(call);
    const position = this.#source.position(location);
    if (range['is_rowsfrom'] === true) throw unsupported(`ROWS FROM with ${name}()`, { position });
    if (range['ordinality'] === true) throw unsupported(`${name}() WITH ORDINALITY`, { position });
    if (listOf(range['coldeflist']).length > 0)
      throw callError(this.#source, location, '42601', `a column definition list is not allowed after ${name}()`);
    this.calls += 1;
    const scope: CallScope = {
      source: this.#source,
      lookup: this.#lookup,
      parameterTypes: this.#parameterTypes,
      ctes,
      inner: this.editsIn(call['args'], ctes),
    };
    const replayed = name === 'timeline' ? undefined : rewriteReplayFunction(scope, name, call, location);
    if (replayed !== undefined) this.reads.push(replayed.read);
    const rewritten = replayed ?? rewriteTimeline(scope, call, location);
    // a function in FROM goes by its own name, a subselect by none
    // and it sees what stands left of it without LATERAL
    const lateral: Piece[] = range['lateral'] === true || !rewritten.lateral ? [] : [{ text: 'LATERAL ', from: location, copied: false }];
    const alias: Piece[] = range['alias'] === undefined ? [{ text: ` AS ${name}`, from: location, copied: false }] : [];
    return [{ start: location, end: rewritten.end, pieces: [...lateral, ...rewritten.pieces, ...alias] }];
  }
}
