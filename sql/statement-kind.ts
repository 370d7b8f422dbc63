import { type CopyStatement, copyStatement } from './copy-statement.js';
import { type CursorDeclaration, type CursorFetch, cursorDeclaration, cursorFetch } from './cursor-statement.js';
import { unsupported } from './errors.js';
import { type ExplainOptions, explainOptions } from './explain-options.js';
import { type ViewCreation, type ViewDrop, viewCreation, viewDrop } from './view-statement.js';
import {
  type InsertStatement,
  insertStatement,
  type PlainTableCreation,
  type ProcedureCall,
  plainTableCreation,
  procedureCall,
  selectInto,
  type TableCreation,
  type TableDrop,
  tableCreation,
  tableDrop,
} from './write-statement.js';

/** A statement about the session itself. */
export type UtilityStatement =
  | { readonly kind: 'set'; readonly name: string; readonly value: string; readonly local: boolean }
  /** Names and values (`transaction_isolation`, …); `session`: SET SESSION CHARACTERISTICS. */
  | { readonly kind: 'set_transaction'; readonly session: boolean; readonly modes: TransactionModes }
  | { readonly kind: 'reset'; readonly name: string | undefined }
  | { readonly kind: 'show'; readonly name: string }
  | { readonly kind: 'transaction'; readonly action: 'begin'; readonly modes: TransactionModes }
  | { readonly kind: 'transaction'; readonly action: 'commit' | 'rollback'; readonly chain: boolean }
  | { readonly kind: 'transaction'; readonly action: 'savepoint' | 'release' | 'rollback_to'; readonly name: string }
  | { readonly kind: 'discard'; readonly target: 'all' | 'plans' | 'sequences' | 'temp' }
  | { readonly kind: 'deallocate'; readonly name: string | undefined }
  /** `SELECT set_config(name, value, local)`, as drivers send it. */
  | { readonly kind: 'set_config'; readonly name: string; readonly value: string; readonly local: boolean; readonly column: string }
  | { readonly kind: 'unlisten' };

/** Settings of a transaction, in the order in which they were written. */
export type TransactionModes = readonly (readonly [name: string, value: string])[];

/** What a statement is, from libpg-query's tree. */
export type StatementKind =
  | { readonly kind: 'select' }
  | { readonly kind: 'explain'; readonly options: ExplainOptions }
  | { readonly kind: 'utility'; readonly statement: UtilityStatement }
  | { readonly kind: 'prepare'; readonly name: string; readonly hasTypes: boolean }
  | { readonly kind: 'execute'; readonly name: string; readonly hasArguments: boolean }
  | { readonly kind: 'declare'; readonly declaration: CursorDeclaration }
  | { readonly kind: 'fetch'; readonly fetch: CursorFetch }
  /** `name` undefined: CLOSE ALL. */
  | { readonly kind: 'close'; readonly name: string | undefined }
  | { readonly kind: 'copy'; readonly copy: CopyStatement }
  | { readonly kind: 'create_view'; readonly view: ViewCreation }
  | { readonly kind: 'drop_view'; readonly drop: ViewDrop }
  | { readonly kind: 'insert'; readonly insert: InsertStatement }
  /** `tag`: of what PostgreSQL calls it in errors. */
  | { readonly kind: 'create_table_as'; readonly create: TableCreation; readonly tag: 'CREATE TABLE AS' | 'SELECT INTO' }
  | { readonly kind: 'create_table'; readonly create: PlainTableCreation }
  | { readonly kind: 'drop_table'; readonly drop: TableDrop }
  | { readonly kind: 'call'; readonly call: ProcedureCall };

type Node = Readonly<Record<string, unknown>>;

/** Names that a user reads in an error; every other node is named by its tag. */
const REFUSED: Readonly<Record<string, string>> = {
  InsertStmt: 'INSERT',
  UpdateStmt: 'UPDATE',
  DeleteStmt: 'DELETE',
  MergeStmt: 'MERGE',
  CreateStmt: 'CREATE TABLE',
  CreateTableAsStmt: 'CREATE TABLE AS',
  IndexStmt: 'CREATE INDEX',
  DropStmt: 'DROP',
  TruncateStmt: 'TRUNCATE',
  AlterTableStmt: 'ALTER TABLE',
  CallStmt: 'CALL',
  DoStmt: 'DO',
  LockStmt: 'LOCK',
  ListenStmt: 'LISTEN',
  NotifyStmt: 'NOTIFY',
  VacuumStmt: 'VACUUM',
  GrantStmt: 'GRANT',
};

const APPEND_ONLY = 'Tables take new rows by INSERT and CREATE TABLE AS; CALL timeline.optimize(…) and the like maintain them.';

const HINTS: Readonly<Record<string, string>> = {
  UpdateStmt: APPEND_ONLY,
  DeleteStmt: APPEND_ONLY,
  MergeStmt: APPEND_ONLY,
  TruncateStmt: `${APPEND_ONLY} DROP TABLE and CREATE TABLE make an empty one.`,
  AlterTableStmt: 'The tools of the catalog change tables (Spark, pyiceberg, …); what they change is seen here.',
  LockStmt: 'There are no locks here: a transaction keeps the snapshots that it has seen.',
  ListenStmt: 'There are no notifications here; UNLISTEN is accepted.',
  NotifyStmt: 'There are no notifications here.',
  VacuumStmt:
    'CALL timeline.optimize(…), timeline.expire_snapshots(…), timeline.remove_orphan_files(…) and timeline.rewrite_manifests(…) maintain tables.',
};

function vacuumName(node: Node): string {
  return node['is_vacuumcmd'] === true ? 'VACUUM' : 'ANALYZE';
}

/** Classifies one statement: `{SelectStmt: …}` and so on. Throws 0A000 with the name of what is not supported. */
export function statementKind(statement: unknown): StatementKind {
  const [tag, body] = Object.entries(object(statement))[0] ?? ['', {}];
  const node = object(body);
  switch (tag) {
    case 'SelectStmt': {
      const into = selectInto(node);
      if (into !== undefined) return { kind: 'create_table_as', create: into, tag: 'SELECT INTO' };
      const setting = setConfig(node);
      return setting === undefined ? { kind: 'select' } : { kind: 'utility', statement: setting };
    }
    case 'ExplainStmt':
      return explain(node);
    case 'VariableSetStmt':
      return { kind: 'utility', statement: variableSet(node) };
    case 'VariableShowStmt':
      return { kind: 'utility', statement: { kind: 'show', name: settingName(text(node['name'])) } };
    case 'TransactionStmt':
      return { kind: 'utility', statement: transaction(node) };
    case 'DiscardStmt':
      return {
        kind: 'utility',
        statement: { kind: 'discard', target: text(node['target']).slice('DISCARD_'.length).toLowerCase() as 'all' },
      };
    case 'DeallocateStmt':
      return { kind: 'utility', statement: { kind: 'deallocate', name: node['isall'] === true ? undefined : text(node['name']) } };
    case 'UnlistenStmt':
      return { kind: 'utility', statement: { kind: 'unlisten' } };
    case 'ClosePortalStmt':
      return { kind: 'close', name: node['portalname'] === undefined ? undefined : text(node['portalname']) };
    case 'PrepareStmt': {
      const [inner = ''] = Object.keys(object(node['query']));
      if (inner !== 'SelectStmt' && inner !== 'InsertStmt') throw unsupported(`PREPARE of ${REFUSED[inner] ?? inner.replace(/Stmt$/, '')}`);
      return { kind: 'prepare', name: text(node['name']), hasTypes: list(node['argtypes']).length > 0 };
    }
    case 'ExecuteStmt':
      return { kind: 'execute', name: text(node['name']), hasArguments: list(node['params']).length > 0 };
    case 'DeclareCursorStmt':
      return { kind: 'declare', declaration: cursorDeclaration(node) };
    case 'FetchStmt':
      return { kind: 'fetch', fetch: cursorFetch(node) };
    case 'ViewStmt':
      return { kind: 'create_view', view: viewCreation(node) };
    case 'DropStmt': {
      const drop = viewDrop(node);
      if (drop !== undefined) return { kind: 'drop_view', drop };
      const tables = tableDrop(node);
      if (tables !== undefined) return { kind: 'drop_table', drop: tables };
      throw unsupported('DROP');
    }
    case 'InsertStmt':
      return { kind: 'insert', insert: insertStatement(node) };
    case 'CreateTableAsStmt':
      return { kind: 'create_table_as', create: tableCreation(node), tag: 'CREATE TABLE AS' };
    case 'CreateStmt':
      return { kind: 'create_table', create: plainTableCreation(node) };
    case 'CallStmt':
      return { kind: 'call', call: procedureCall(node) };
    case 'CopyStmt':
      return { kind: 'copy', copy: copyStatement(node) };
    default:
      if (HINTS[tag] !== undefined)
        throw unsupported(tag === 'VacuumStmt' ? vacuumName(node) : (REFUSED[tag] ?? tag), { hint: HINTS[tag] });
      throw unsupported(REFUSED[tag] ?? tag.replace(/Stmt$/, ''));
  }
}

/** A SELECT of nothing but one set_config() with constants: it changes the session, which the embedded Postgres does not know. */
function setConfig(node: Node): UtilityStatement | undefined {
  const [target, ...others] = list(node['targetList']);
  if (others.length > 0 || node['fromClause'] !== undefined || node['whereClause'] !== undefined) return undefined;
  const result = object(object(target)['ResTarget']);
  const call = object(object(result['val'])['FuncCall']);
  const names = list(call['funcname']).map((part) => text(object(object(part)['String'])['sval']));
  if (names.at(-1) !== 'set_config' || (names.length > 1 && names[0] !== 'pg_catalog')) return undefined;
  const [name, value, local] = list(call['args']).map((arg) => constantText(arg));
  if (name === undefined || value === undefined || local === undefined) throw unsupported('set_config with anything but three constants');
  return { kind: 'set_config', name, value, local: isTrue(local), column: text(result['name']) || 'set_config' };
}

function explain(node: Node): StatementKind {
  const [inner = ''] = Object.keys(object(node['query']));
  if (!['SelectStmt', 'ExecuteStmt', 'DeclareCursorStmt', 'InsertStmt', 'CreateTableAsStmt'].includes(inner))
    throw unsupported(`EXPLAIN of ${REFUSED[inner] ?? inner.replace(/Stmt$/, '')}`);
  return { kind: 'explain', options: explainOptions(node['options']) };
}

function variableSet(node: Node): UtilityStatement {
  const name = settingName(text(node['name']));
  switch (node['kind']) {
    case 'VAR_SET_VALUE':
      return {
        kind: 'set',
        name,
        value: list(node['args'])
          .map((arg) => constantText(arg) ?? '')
          .join(', '),
        local: node['is_local'] === true,
      };
    case 'VAR_SET_MULTI':
      if (text(node['name']) === 'TRANSACTION SNAPSHOT') throw unsupported('SET TRANSACTION SNAPSHOT', { hint: 'Use SET timeline.as_of.' });
      return { kind: 'set_transaction', session: text(node['name']) === 'SESSION CHARACTERISTICS', modes: transactionModes(node['args']) };
    case 'VAR_RESET_ALL':
      return { kind: 'reset', name: undefined };
    case 'VAR_SET_DEFAULT':
    case 'VAR_RESET':
      return { kind: 'reset', name };
    default:
      throw unsupported(`SET ${name} FROM CURRENT`);
  }
}

/** READ WRITE is accepted: drivers send it by habit, and what would write is refused by itself. */
function transactionModes(options: unknown): TransactionModes {
  return list(options).map((option) => {
    const { defname, arg } = object(object(option)['DefElem']);
    const name = text(defname);
    const value = constantText(arg) ?? '';
    return [name, name === 'transaction_isolation' ? value : isTrue(value) ? 'on' : 'off'];
  });
}

function transaction(node: Node): UtilityStatement {
  const name = text(node['savepoint_name']);
  const chain = node['chain'] === true;
  switch (node['kind']) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      return { kind: 'transaction', action: 'begin', modes: transactionModes(node['options']) };
    case 'TRANS_STMT_COMMIT':
      return { kind: 'transaction', action: 'commit', chain };
    case 'TRANS_STMT_ROLLBACK':
      return { kind: 'transaction', action: 'rollback', chain };
    case 'TRANS_STMT_SAVEPOINT':
      return { kind: 'transaction', action: 'savepoint', name };
    case 'TRANS_STMT_RELEASE':
      return { kind: 'transaction', action: 'release', name };
    case 'TRANS_STMT_ROLLBACK_TO':
      return { kind: 'transaction', action: 'rollback_to', name };
    default:
      throw unsupported('two-phase commit');
  }
}

/** `SET TIME ZONE` and `SHOW TRANSACTION ISOLATION LEVEL` have names of their own in the grammar. */
function settingName(name: string): string {
  return name === 'timezone' ? 'TimeZone' : name;
}

function constantText(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const node = object(value);
  if (node['String'] !== undefined) return text(object(node['String'])['sval']);
  const constant = object(node['A_Const']);
  if (constant['sval'] !== undefined) return text(object(constant['sval'])['sval']);
  if (constant['ival'] !== undefined) return String(object(constant['ival'])['ival'] ?? 0);
  if (constant['fval'] !== undefined) return text(object(constant['fval'])['fval']);
  if (constant['boolval'] !== undefined) return object(constant['boolval'])['boolval'] === true ? 'on' : 'off';
  if (node['TypeCast'] !== undefined) return constantText(object(node['TypeCast'])['arg']);
  if (node['Integer'] !== undefined) return String(object(node['Integer'])['ival'] ?? 0);
  if (node['Boolean'] !== undefined) return object(node['Boolean'])['boolval'] === true ? 'on' : 'off';
  throw unsupported('this form of value');
}

function isTrue(value: string | undefined): boolean {
  return value === undefined || ['on', 'true', '1', 'yes'].includes(value.toLowerCase());
}

function object(value: unknown): Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Node) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
