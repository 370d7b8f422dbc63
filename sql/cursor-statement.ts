import { TimelineError } from './errors.js';
import { nodeOf, textOf } from './parse-tree.js';

/** DECLARE, without its query. */
export interface CursorDeclaration {
  readonly name: string;
  readonly binary: boolean;
  /** Undefined: neither SCROLL nor NO SCROLL was written. */
  readonly scroll: boolean | undefined;
  readonly hold: boolean;
}

/** FETCH and MOVE. `count` Infinity: ALL. */
export interface CursorFetch {
  readonly cursor: string;
  readonly move: boolean;
  readonly direction: 'forward' | 'backward' | 'absolute' | 'relative';
  readonly count: number;
}

/** The grammar's bits. */
const BINARY = 1;
const SCROLL = 2;
const NO_SCROLL = 4;
const INSENSITIVE = 8;
const ASENSITIVE = 16;
const HOLD = 32;
/** What the grammar writes for ALL. */
const FETCH_ALL = 2147483647;

export function cursorDeclaration(body: unknown): CursorDeclaration {
  const node = nodeOf(body);
  const bits = Number(node['options'] ?? 0);
  const refuseBoth = (one: number, other: number, names: string): void => {
    if ((bits & one) === 0 || (bits & other) === 0) return;
    throw new TimelineError({ kind: 'semantic', sqlstate: '42P11', message: `cannot specify both ${names}` });
  };
  refuseBoth(SCROLL, NO_SCROLL, 'SCROLL and NO SCROLL');
  refuseBoth(ASENSITIVE, INSENSITIVE, 'ASENSITIVE and INSENSITIVE');
  return {
    name: textOf(node['portalname']),
    binary: (bits & BINARY) !== 0,
    scroll: (bits & SCROLL) !== 0 ? true : (bits & NO_SCROLL) !== 0 ? false : undefined,
    hold: (bits & HOLD) !== 0,
  };
}

export function cursorFetch(body: unknown): CursorFetch {
  const node = nodeOf(body);
  const count = Number(node['howMany'] ?? 0);
  return {
    cursor: textOf(node['portalname']),
    move: node['ismove'] === true,
    direction: textOf(node['direction']).slice('FETCH_'.length).toLowerCase() as CursorFetch['direction'],
    count: count >= FETCH_ALL ? Infinity : count <= -FETCH_ALL ? -Infinity : count,
  };
}
