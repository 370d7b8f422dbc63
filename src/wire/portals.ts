import { TimelineError } from '../../sql/errors.js';
import type { NamedStatement } from '../statement.js';
import type { RowStream } from './row-stream.js';

/** A statement with its parameters (as text) and result formats; `stream` once it runs. */
export interface Portal {
  readonly name: string;
  readonly statement: NamedStatement;
  readonly parameters: readonly (string | null)[];
  readonly formats: readonly number[];
  stream: RowStream | undefined;
  /** Read to its end. */
  emptied: boolean;
}

/** One client cannot fill the memory with names. */
const MOST_PORTALS = 1000;

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
