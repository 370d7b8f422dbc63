import { TimelineError } from '../sql/errors.js';
import type { NamedStatement, NamedStatements } from './statement.js';

/** One client cannot fill the memory with names. */
const MOST = 10_000;

/** A session's prepared statements, those of Parse and those of PREPARE: one name space. */
export class StatementTable implements NamedStatements {
  readonly #byName = new Map<string, NamedStatement>();

  get(name: string): NamedStatement {
    const statement = this.#byName.get(name);
    if (statement === undefined) {
      const message = name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`;
      throw new TimelineError({ kind: 'semantic', sqlstate: '26000', message });
    }
    return statement;
  }

  find(name: string): NamedStatement | undefined {
    return this.#byName.get(name);
  }

  checkFree(name: string): void {
    if (this.#byName.has(name)) {
      throw new TimelineError({ kind: 'semantic', sqlstate: '42P05', message: `prepared statement "${name}" already exists` });
    }
    if (this.#byName.size >= MOST) {
      throw new TimelineError({
        kind: 'limit',
        sqlstate: '54000',
        message: `too many prepared statements in one connection (the limit is ${MOST})`,
      });
    }
  }

  add(statement: NamedStatement): void {
    this.checkFree(statement.name);
    this.#byName.set(statement.name, statement);
  }

  delete(name: string): void {
    this.#byName.delete(name);
  }

  clear(): void {
    this.#byName.clear();
  }
}
