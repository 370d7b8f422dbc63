import type { PinnedVersion } from '../planner/planning.js';
import { TimelineError } from '../sql/errors.js';

export type TransactionState = 'idle' | 'open' | 'failed';

/**
 * A session's transaction: read-only, its tables' snapshots pinned at their first use. Savepoints are names only:
 * there is nothing to undo but settings.
 */
export class Transaction {
  private current: TransactionState = 'idle';
  private savepoints: string[] = [];
  private snapshotPins = new Map<string, Promise<PinnedVersion>>();

  get status(): 'I' | 'T' | 'E' {
    return this.current === 'idle' ? 'I' : this.current === 'open' ? 'T' : 'E';
  }

  /** Shared by all statements of an open transaction; a statement outside gets its own. */
  pins(): Map<string, Promise<PinnedVersion>> {
    return this.current === 'idle' ? new Map() : this.snapshotPins;
  }

  begin(): void {
    if (this.current === 'idle') this.current = 'open';
  }

  /** Ends it; `committed` is false when it had failed or was rolled back. */
  end(commit: boolean): { readonly committed: boolean } {
    const committed = commit && this.current === 'open';
    this.current = 'idle';
    this.savepoints = [];
    this.snapshotPins = new Map();
    return { committed };
  }

  fail(): void {
    if (this.current === 'open') this.current = 'failed';
  }

  savepoint(name: string): void {
    this.requireOpen('SAVEPOINT');
    this.savepoints.push(name);
  }

  /** The savepoint's number, from 0. */
  release(name: string): number {
    this.requireOpen('RELEASE SAVEPOINT');
    const position = this.position(name);
    this.savepoints.length = position;
    return position;
  }

  /** The savepoint's number, from 0. */
  rollbackTo(name: string): number {
    this.requireOpen('ROLLBACK TO SAVEPOINT');
    const position = this.position(name);
    this.savepoints.length = position + 1;
    this.current = 'open';
    return position;
  }

  get savepointDepth(): number {
    return this.savepoints.length;
  }

  /** In a failed transaction nothing runs until it ends. */
  requireNotFailed(): void {
    if (this.current !== 'failed') return;
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '25P02',
      message: 'current transaction is aborted, commands ignored until end of transaction block',
    });
  }

  private requireOpen(command: string): void {
    if (this.current !== 'idle') return;
    throw new TimelineError({ kind: 'semantic', sqlstate: '25P01', message: `${command} can only be used in transaction blocks` });
  }

  private position(name: string): number {
    const index = this.savepoints.lastIndexOf(name);
    if (index >= 0) return index;
    this.fail();
    throw new TimelineError({ kind: 'semantic', sqlstate: '3B001', message: `savepoint "${name}" does not exist` });
  }
}
