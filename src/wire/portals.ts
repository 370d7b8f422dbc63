import { TimelineError } from '../../sql/errors.js';
import type { Prepared } from '../statement.js';
import type { RowStream } from './row-stream.js';

export interface Statement {
  /** Empty: the unnamed statement. */
  readonly name: string;
  readonly text: string;
  readonly prepared: Prepared;
}

/** A statement with its parameters (as text) and result formats; `stream` once it runs. */
export interface Portal {
  readonly name: string;
  readonly statement: Statement;
  readonly parameters: readonly (string | null)[];
  readonly formats: readonly number[];
  stream: RowStream | undefined;
  /** Read to its end. */
  emptied: boolean;
}

/** One client cannot fill the memory with names. */
const MOST_STATEMENTS = 10_000;
const MOST_PORTALS = 1000;

export class StatementTable {
  readonly #byName = new Map<string, Statement>();

  get(name: string): Statement {
    const statement = this.#byName.get(name);
    if (statement === undefined) {
      const message = name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`;
      throw new TimelineError({ kind: 'semantic', sqlstate: '26000', message });
    }
    return statement;
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  checkFree(name: string): void {
    if (this.#byName.has(name)) {
      throw new TimelineError({ kind: 'semantic', sqlstate: '42P05', message: `prepared statement "${name}" already exists` });
    }
    if (this.#byName.size >= MOST_STATEMENTS) throw tooMany('prepared statements', MOST_STATEMENTS);
  }

  add(statement: Statement): void {
    this.#byName.set(statement.name, statement);
  }

  delete(name: string): void {
    this.#byName.delete(name);
  }

  clear(): void {
    this.#byName.clear();
  }
}

export class PortalTable {
  readonly #byName = new Map<string, Portal>();

  find(name: string): Portal | undefined {
    return this.#byName.get(name);
  }

  get(name: string): Portal {
    const portal = this.#byName.get(name);
    if (portal === undefined) throw new TimelineError({ kind: 'semantic', sqlstate: '34000', message: `portal "${name}" does not exist` });
    return portal;
  }

  add(portal: Portal): void {
    if (this.#byName.has(portal.name)) {
      throw new TimelineError({ kind: 'semantic', sqlstate: '42P03', message: `cursor "${portal.name}" already exists` });
    }
    if (this.#byName.size >= MOST_PORTALS) throw tooMany('portals', MOST_PORTALS);
    this.#byName.set(portal.name, portal);
  }

  delete(name: string): void {
    const portal = this.#byName.get(name);
    portal?.stream?.close();
    this.#byName.delete(name);
  }

  all(): Iterable<Portal> {
    return this.#byName.values();
  }

  /** Closes every portal, but leaves the rows of `except` to their reader. */
  closeAll(except?: RowStream): void {
    for (const portal of this.#byName.values()) if (portal.stream !== except) portal.stream?.close();
    this.#byName.clear();
  }
}

function tooMany(what: string, limit: number): TimelineError {
  return new TimelineError({ kind: 'limit', sqlstate: '54000', message: `too many ${what} in one connection (the limit is ${limit})` });
}

/** The name in `DEALLOCATE [PREPARE] name`, or undefined for any other statement. */
export function deallocatedName(text: string): string | undefined {
  if (text.length > 500) return undefined;
  const match = /^\s*deallocate\s+(?:prepare\s+)?(?:"((?:[^"]|"")+)"|([a-z_\u0080-\uffff][\w$\u0080-\uffff]*))\s*;?\s*$/i.exec(text);
  if (match === null) return undefined;
  if (match[1] !== undefined) return match[1].replaceAll('""', '"');
  const name = (match[2] ?? '').toLowerCase();
  return name === 'all' ? undefined : name;
}
