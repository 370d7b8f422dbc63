import { TimelineError } from '../sql/errors.js';
import type { ResultColumn } from '../sql/result.js';
import type { TransactionModes, UtilityStatement } from '../sql/statement-kind.js';
import { commandExecution, textColumn, textExecution } from './execution.js';
import type { SessionCursors } from './session-cursors.js';
import type { SessionViews } from './session-views.js';
import { displayed, type Settings } from './settings.js';
import type { Execution, NamedStatements, Notice } from './statement.js';
import type { Transaction } from './transaction.js';

export interface UtilityContext {
  readonly settings: Settings;
  readonly transaction: Transaction;
  readonly statements: NamedStatements;
  readonly cursors: SessionCursors;
  readonly views: SessionViews;
  readonly signal: AbortSignal;
  /** A transaction is open, or several statements are one. */
  readonly inBlock: boolean;
}

/** Statements about the session itself: none of them reads a table. */
export async function runUtility(statement: UtilityStatement, context: UtilityContext): Promise<Execution> {
  const { settings, transaction, statements, cursors } = context;
  switch (statement.kind) {
    case 'set':
      settings.set(statement.name, statement.value, statement.local);
      return commandExecution(
        'SET',
        statement.local && !context.inBlock ? warning('25P01', 'SET LOCAL can only be used in transaction blocks') : [],
      );
    case 'set_config':
      settings.set(statement.name, statement.value, statement.local);
      return textExecution({ columns: [textColumn(statement.column)], rows: [[settings.get(statement.name) ?? null]] });
    case 'set_transaction':
      if (statement.session) {
        for (const [name, value] of statement.modes) settings.set(`default_${name}`, value, false);
        return commandExecution('SET');
      }
      if (!context.inBlock) return commandExecution('SET', warning('25P01', 'SET TRANSACTION can only be used in transaction blocks'));
      setModes(statement.modes, settings);
      return commandExecution('SET');
    case 'reset':
      if (statement.name === undefined) settings.resetAll();
      else settings.reset(statement.name);
      return commandExecution('RESET');
    case 'show':
      return show(statement.name, settings);
    case 'transaction':
      return runTransaction(statement, context);
    case 'discard':
      if (statement.target === 'all' || statement.target === 'temp') context.views.keep(new Set());
      if (statement.target === 'all') {
        // It also closes held cursors, so PostgreSQL takes it outside of transactions only.
        if (transaction.status !== 'I')
          throw new TimelineError({ kind: 'semantic', sqlstate: '25001', message: 'DISCARD ALL cannot run inside a transaction block' });
        await cursors.closeAll();
        statements.clear();
        settings.resetAll();
      }
      return commandExecution(`DISCARD ${statement.target.toUpperCase()}`);
    case 'deallocate':
      if (statement.name === undefined) statements.clear();
      else {
        statements.get(statement.name);
        statements.delete(statement.name);
      }
      return commandExecution(statement.name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE');
    case 'unlisten':
      return commandExecution('UNLISTEN');
  }
}

/** Every isolation level is accepted: transactions are read-only snapshots, so all are serializable. */
function setModes(modes: TransactionModes, settings: Settings): void {
  for (const [name, value] of modes) settings.set(name, value, true);
}

function defaultModes(settings: Settings): TransactionModes {
  return ['transaction_isolation', 'transaction_read_only', 'transaction_deferrable'].map((name) => [
    name,
    settings.own(`default_${name}`),
  ]);
}

function warning(sqlstate: string, message: string): readonly Notice[] {
  return [{ severity: 'WARNING', sqlstate, message }];
}

/** Columns of the statements that return rows, known before they run. */
export function utilityColumns(statement: UtilityStatement): readonly ResultColumn[] | undefined {
  switch (statement.kind) {
    case 'show':
      return showColumns(statement.name);
    case 'set_config':
      return [textColumn(statement.column)];
    default:
      return undefined;
  }
}

function showColumns(name: string): readonly ResultColumn[] {
  return name.toLowerCase() === 'all' ? ['name', 'setting', 'description'].map(textColumn) : [textColumn(name)];
}

function show(name: string, settings: Settings): Execution {
  const columns = showColumns(name);
  if (name.toLowerCase() === 'all') {
    return textExecution({ columns, rows: settings.all().map(([key, value]) => [key, displayed(key, value), null]), tag: () => 'SHOW' });
  }
  const value = settings.get(name) ?? settings.requireKnown(name);
  return textExecution({ columns, rows: [[displayed(name, value)]], tag: () => 'SHOW' });
}

async function runTransaction(
  statement: UtilityStatement & { readonly kind: 'transaction' },
  { settings, transaction, cursors, views, signal }: UtilityContext,
): Promise<Execution> {
  switch (statement.action) {
    case 'begin': {
      const notices = transaction.status === 'I' ? [] : warning('25001', 'there is already a transaction in progress');
      transaction.begin();
      settings.begin();
      views.begin();
      setModes([...defaultModes(settings), ...statement.modes], settings);
      return commandExecution('BEGIN', notices);
    }
    case 'commit':
    case 'rollback': {
      const notices = transaction.status === 'I' ? warning('25P01', 'there is no transaction in progress') : [];
      if (statement.action === 'commit' && transaction.status !== 'E') {
        await cursors.commit(signal).catch(async (error: unknown) => {
          // A commit that fails is a rollback.
          transaction.end(false);
          settings.end(false);
          views.end(false);
          await cursors.rollback();
          throw error;
        });
      }
      const { committed } = transaction.end(statement.action === 'commit');
      await cursors.rollback();
      settings.end(committed);
      views.end(committed);
      if (statement.chain) {
        transaction.begin();
        settings.begin();
        views.begin();
      }
      // COMMIT of a failed transaction is answered ROLLBACK, as PostgreSQL does.
      return commandExecution(statement.action === 'commit' && (committed || notices.length > 0) ? 'COMMIT' : 'ROLLBACK', notices);
    }
    case 'savepoint':
      transaction.savepoint(statement.name);
      settings.savepoint();
      views.savepoint();
      return commandExecution('SAVEPOINT');
    case 'release':
      {
        const savepoint = transaction.release(statement.name);
        for (const part of [cursors, settings, views]) part.release(savepoint);
      }
      return commandExecution('RELEASE');
    case 'rollback_to':
      {
        const savepoint = transaction.rollbackTo(statement.name);
        settings.rollbackTo(savepoint);
        views.rollbackTo(savepoint);
        await cursors.rollbackTo(savepoint);
      }
      return commandExecution('ROLLBACK');
  }
}
