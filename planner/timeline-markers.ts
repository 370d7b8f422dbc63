import { internal, TimelineError, unsupported } from '../sql/errors.js';
import type { Call, Constant } from '../sql/expression.js';
import type { Query, QueryExpr, QueryLeaf } from '../sql/query.js';
import { OPS } from '../sql/timeline-marker.js';
import { conjunction, conjuncts, truth } from './expression.js';

/** The conjuncts of a WHERE that rewriting put there, and what is left of it. */
export interface Markers {
  readonly call: Call<QueryLeaf> | undefined;
  readonly ts: QueryExpr | undefined;
  readonly orderBy: readonly QueryExpr[];
  readonly dedupe: readonly QueryExpr[];
  readonly ends: QueryExpr | undefined;
  readonly assertRows: { readonly sqlstate: string; readonly message: string } | undefined;
  readonly rest: QueryExpr | undefined;
}

const MARKERS: ReadonlySet<string> = new Set(['call', 'ts', 'order_by', 'dedupe', 'ends', 'assert', 'assert_rows']);

export function hasMarkers(query: Query): boolean {
  return conjuncts<QueryLeaf>(query.where).some((part) => markerName(part) !== undefined);
}

/** Throws what an `assert` marker says when its condition, a constant by now, does not hold. */
export function readMarkers(query: Query): Markers {
  const rest: QueryExpr[] = [];
  const orderBy: QueryExpr[] = [];
  const dedupe: QueryExpr[] = [];
  let found: Pick<Markers, 'call' | 'ts' | 'ends' | 'assertRows'> = {
    call: undefined,
    ts: undefined,
    ends: undefined,
    assertRows: undefined,
  };
  for (const part of conjuncts<QueryLeaf>(query.where)) {
    const name = markerName(part);
    if (name === undefined || part.kind !== 'call') {
      rest.push(part);
      continue;
    }
    const arg = part.args[0];
    if (arg === undefined) throw internal(`${part.fn} without arguments`);
    switch (name) {
      case 'call':
        found = { ...found, call: part };
        break;
      case 'ts':
        found = { ...found, ts: arg };
        break;
      case 'ends':
        found = { ...found, ends: arg };
        break;
      case 'order_by':
        orderBy.push(arg);
        break;
      case 'dedupe':
        dedupe.push(arg);
        break;
      case 'assert_rows':
        found = { ...found, assertRows: { sqlstate: textOf(arg), message: textOf(part.args[1]) } };
        break;
      default:
        check(arg, { sqlstate: textOf(part.args[1]), message: textOf(part.args[2]), position: Number(textOf(part.args[3])) });
    }
  }
  return { ...found, orderBy, dedupe, rest: conjunction<QueryLeaf>(rest) };
}

/** NULL bounds let nothing through; they are no error. */
function check(ok: QueryExpr, error: { readonly sqlstate: string; readonly message: string; readonly position: number }): void {
  if (ok.kind !== 'constant') throw unsupported('an argument of a replay function that is not constant');
  if (truth(ok) === false) throw new TimelineError({ kind: 'semantic', ...error });
}

function markerName(expr: QueryExpr): string | undefined {
  if (expr.kind !== 'call' || !expr.fn.startsWith(OPS)) return undefined;
  const name = expr.fn.slice(OPS.length, expr.fn.indexOf('('));
  return MARKERS.has(name) ? name : undefined;
}

function textOf(expr: QueryExpr | undefined): string {
  const value = expr?.kind === 'constant' ? (expr as Constant).value : undefined;
  if (typeof value !== 'string') throw internal('a marker of a timeline call is not constant');
  return value;
}
