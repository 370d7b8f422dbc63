import type { ExtraRelation } from './extra-relations.js';
import { READER_ROLE, SETTINGS_ROLE } from './postgres-image-format.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';

/** Of the session that asks: nothing of it stays in the embedded Postgres. */
export interface AnalysisContext {
  readonly user: string;
  readonly database: string;
  readonly timeZone: string;
  /** Schema names, unquoted. */
  readonly searchPath: readonly string[];
  /** Other settings by name; what the embedded Postgres does not take from users is left out. */
  readonly settings: Readonly<Record<string, string>>;
  /** Statements that make the session's temporary views, where the request shall see them. */
  readonly views?: string | undefined;
  /** Relations of this statement only. */
  readonly relations?: readonly ExtraRelation[] | undefined;
}

/** Settings that would change how the embedded Postgres itself answers, or who asks. */
const OWN_SETTINGS: ReadonlySet<string> = new Set([
  'role',
  'session_authorization',
  'is_superuser',
  'client_encoding',
  'row_security',
  'timezone',
  'search_path',
  'datestyle',
  'intervalstyle',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
  'default_transaction_read_only',
  'default_transaction_isolation',
  'default_transaction_deferrable',
  'statement_timeout',
  'transaction_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'default_tablespace',
  'temp_tablespaces',
  'local_preload_libraries',
  'standard_conforming_strings',
  'backslash_quote',
  'escape_string_warning',
  'array_nulls',
  'transform_null_equals',
  'client_min_messages',
  'check_function_bodies',
  'bytea_output',
  'xmloption',
  'extra_float_digits',
  'default_text_search_config',
  'jit',
  'exit_on_error',
]);

/** Of those, the ones that may be passed on because they change results as the user means them to. */
const PASSED: ReadonlySet<string> = new Set([
  'jit',
  'default_text_search_config',
  'transform_null_equals',
  'array_nulls',
  'bytea_output',
  'extra_float_digits',
]);

/** The role that a session's requests run as: a name that belongs to Postgres or to us can't be a role of its own. */
export function roleOf(user: string): string {
  const usable = user !== '' && !/^(pg_|timeline_)/.test(user) && Buffer.byteLength(user) <= 63 && !['none', 'public'].includes(user);
  return usable ? user : READER_ROLE;
}

/** Opens a read-only transaction as the session's user with its settings. `userSettings`: names that users may set. */
export function openTransaction(
  context: AnalysisContext,
  options: {
    readonly readOnly: boolean;
    readonly userSettings: ReadonlySet<string> | undefined;
    /** DDL that is done first, as the system. */
    readonly relations?: string | undefined;
  },
): string {
  const values: [string, string][] = [
    ['search_path', context.searchPath.map(quoteIdentifier).join(', ')],
    ['TimeZone', context.timeZone],
    ['DateStyle', 'ISO, MDY'],
    ['IntervalStyle', 'postgres'],
  ];
  for (const [name, value] of Object.entries(context.settings)) {
    const key = name.toLowerCase();
    if (OWN_SETTINGS.has(key) && !PASSED.has(key)) continue;
    if (key.includes('.') || options.userSettings?.has(key) === true) values.push([name, value]);
  }
  const settings = values.map(([name, value]) => `pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true)`).join(', ');
  const plain = context.views === undefined && options.relations === undefined;
  return [
    options.readOnly && plain ? 'begin read only' : 'begin',
    ...(options.relations === undefined ? [] : [options.relations]),
    `set local session authorization ${SETTINGS_ROLE}`,
    `select ${settings}`,
    `set local session authorization ${quoteIdentifier(roleOf(context.user))}`,
    ...(context.views === undefined ? [] : [context.views]),
    ...(options.readOnly && !plain ? ['set transaction read only'] : []),
  ].join('; ');
}
