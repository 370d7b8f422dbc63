import { parseValue } from '../../../sql/value-text.js';
import type { OrderedParts, PruningStep } from '../../connector.js';
import type { LogsSplit, LogsWindow } from '../handle.js';

/** Of a window that is cut, the first part should have so many times the rows asked for. */
const SPARE = 2;
const LEAST_ROWS = 500;

interface Window {
  readonly from: bigint;
  readonly to: bigint;
  readonly rows: number;
}

/** Windows of time, those with the first entries of an order by time first. A large one is cut where about the rows wanted should lie. */
export class OrderedWindows implements OrderedParts {
  readonly #left: Window[];
  readonly #all: number;
  readonly #descending: boolean;
  readonly #filters: LogsSplit['filters'];

  constructor(splits: readonly LogsSplit[], descending: boolean) {
    const windows = splits.flatMap((split) =>
      split.windows.map(([from, to, rows]): Window => ({ from: BigInt(from), to: BigInt(to), rows })),
    );
    windows.sort((a, b) => (a.from === b.from ? 0 : a.from < b.from === descending ? 1 : -1));
    this.#left = windows;
    this.#all = windows.reduce((sum, { rows }) => sum + rows, 0);
    this.#descending = descending;
    this.#filters = splits[0]?.filters;
  }

  get pruning(): readonly PruningStep[] {
    const left = this.#left.reduce((sum, { rows }) => sum + rows, 0);
    return [{ step: 'rows in order', before: this.#all, after: Math.max(0, this.#all - left) }];
  }

  async next({ rows, last }: Parameters<OrderedParts['next']>[0]): Promise<readonly unknown[] | undefined> {
    const value = last?.constant.value;
    const bound =
      value === undefined || value === null || last === undefined ? undefined : (parseValue(last.constant.type, value) as bigint);
    const wanted = Math.max(LEAST_ROWS, rows * SPARE);
    const taken: LogsWindow[] = [];
    for (let found = 0; found < wanted; ) {
      const best = this.#left[0];
      if (best === undefined || (bound !== undefined && !this.#counts(best, bound))) break;
      const part = this.#take(best, wanted - found);
      taken.push([String(part.from), String(part.to), part.rows]);
      found += part.rows;
    }
    if (taken.length === 0) return undefined;
    const split: LogsSplit = { windows: taken, ...(this.#filters === undefined ? {} : { filters: this.#filters }) };
    return [split];
  }

  /** May one of the window's entries come before the bound (microseconds)? None is beside it: windows are of whole microseconds, and it is in another one. */
  #counts({ from, to }: Window, bound: bigint): boolean {
    return this.#descending ? micros(to - 1n) > bound : micros(from) < bound;
  }

  #take(best: Window, wanted: number): Window {
    const span = (best.to - best.from) / 1_000n;
    const share = BigInt(Math.ceil((wanted / Math.max(1, best.rows)) * 1_000_000));
    const width = (span * share) / 1_000_000n + 1n;
    if (best.rows <= wanted * 2 || width >= span) {
      this.#left.shift();
      return best;
    }
    const cut = this.#descending ? best.to - width * 1_000n : best.from + width * 1_000n;
    const [lower, upper] = [
      { from: best.from, to: cut },
      { from: cut, to: best.to },
    ];
    const rows = Math.min(best.rows, wanted);
    const [first, rest] = this.#descending ? [upper, lower] : [lower, upper];
    this.#left[0] = { ...rest, rows: best.rows - rows };
    return { ...first, rows };
  }
}

/** PostgreSQL's microseconds of an instant: cut, not rounded. */
function micros(nanos: bigint): bigint {
  return nanos >= 0n ? nanos / 1_000n : -((999n - nanos) / 1_000n);
}
