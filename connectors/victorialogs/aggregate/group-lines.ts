import { TimelineError } from '../../../sql/errors.js';
import type { LogsRow } from '../client/logs-client.js';
import type { GroupPlan, GroupQuery } from './group-plan.js';

/** A partial group: `k<n>`, `a<n>`, in PostgreSQL's text form; NULL is left out. */
export type Group = Readonly<Record<string, string>>;

/** Below this every whole number is a float64, so that sums which stay below it are exact. */
const EXACT = 2n ** 53n;

/** Why an answer's sums cannot be taken: they may have been rounded. */
export class InexactSum extends Error {
  /** `least`: entries that could be summed at once with these values. */
  constructor(readonly least: bigint) {
    super('a sum is too large for the server');
  }
}

/** A line of the answer to a query, as a group. Throws InexactSum; 08006 for an answer that is none to the query. */
export function groupOfStats(plan: GroupPlan, query: GroupQuery, row: LogsRow): Group {
  const states: Record<string, string> = {};
  const rows = wholeNumber(row, `${plan.prefix}rows`);
  if (query.of !== undefined && query.sums && rows > 0n) {
    const [least, greatest] = [extreme(plan, query, row, 'min'), extreme(plan, query, row, 'max')];
    const largest = BigInt(greatest) > -BigInt(least) ? BigInt(greatest) : -BigInt(least);
    if (rows * largest >= EXACT) throw new InexactSum(EXACT / largest);
  }
  for (const { aggregate, fn, as } of query.states) {
    if (fn === 'count') states[`a${aggregate}`] = String(wholeNumber(row, as));
    else if (rows > 0n)
      states[`a${aggregate}`] = fn === 'sum' ? String(wholeNumber(row, as)) : extreme(plan, query, row, fn === 'min' ? 'min' : 'max');
  }
  return { ...keysOf(plan, row), ...states };
}

function extreme(plan: GroupPlan, query: GroupQuery, row: LogsRow, name: 'min' | 'max'): string {
  const value = query.decode(row[plan.prefix + name]);
  if (value === null) throw noAnswer(`${name} of some values is none`);
  return value;
}

function wholeNumber(row: LogsRow, name: string): bigint {
  const text = row[name];
  if (text === undefined || !/^-?\d{1,40}$/.test(text)) throw noAnswer(`${JSON.stringify(text)} is no whole number`);
  return BigInt(text);
}

export function keysOf({ keys }: GroupPlan, row: LogsRow): Group {
  const found: Record<string, string> = {};
  for (const [n, key] of keys.entries()) {
    const value = key(row);
    if (value !== null) found[`k${n}`] = value;
  }
  return found;
}

/** Adds entries up, exactly, where the server cannot. */
export class EntrySums {
  readonly #groups = new Map<string, { readonly keys: Group; rows: bigint; min: bigint; max: bigint; sum: bigint }>();

  constructor(
    private readonly plan: GroupPlan,
    private readonly query: GroupQuery,
    private readonly field: string,
  ) {}

  /** Throws 22P02 for a value that is no whole number. */
  add(row: LogsRow): void {
    const text = this.query.decode(row[this.field]);
    if (text === null) return;
    const value = BigInt(text);
    const keys = keysOf(this.plan, row);
    const at = JSON.stringify(keys);
    const group = this.#groups.get(at);
    if (group === undefined) {
      this.#groups.set(at, { keys, rows: 1n, min: value, max: value, sum: value });
      return;
    }
    group.rows += 1n;
    group.sum += value;
    if (value < group.min) group.min = value;
    if (value > group.max) group.max = value;
  }

  *groups(): Generator<Group> {
    for (const group of this.#groups.values()) {
      const states = this.query.states.map(({ aggregate, fn }) => {
        const value = fn === 'count' || fn === 'count_uniq' ? group.rows : group[fn];
        return [`a${aggregate}`, String(value)] as const;
      });
      yield { ...group.keys, ...Object.fromEntries(states) };
    }
  }
}

function noAnswer(why: string): TimelineError {
  return new TimelineError({ kind: 'connector', sqlstate: '08006', message: `VictoriaLogs gave no answer to what it was asked: ${why}` });
}
