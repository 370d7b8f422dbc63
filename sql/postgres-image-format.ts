import { createHash } from 'node:crypto';
import { ACTION_SCHEMA, ACTION_STUBS } from './action-call.js';
import { TIMELINE_STUBS } from './timeline-stubs.js';

/** The database that PGlite opens; its name is changed to the connected one's when that differs. */
export const IMAGE_DATABASE = 'timeline';

/** Roles of the embedded Postgres: its superuser, the one that may call set_config, and the one for names that can't be roles. */
export const SYSTEM_ROLE = 'timeline_system';
export const SETTINGS_ROLE = 'timeline_settings';
export const READER_ROLE = 'timeline_reader';

/**
 * Functions that a catalogue or constant query must not call: what reaches settings, sleeps, other sessions, files, large
 * objects, or runs SQL from text. Names for LIKE; those that PostgreSQL gives to superusers only are not repeated here.
 */
const DENIED: readonly string[] = [
  'set\\_config',
  'pg\\_sleep%',
  'lo\\_%',
  'loread',
  'lowrite',
  'query\\_to\\_xml%',
  'cursor\\_to\\_xml%',
  'table\\_to\\_xml%',
  'schema\\_to\\_xml%',
  'database\\_to\\_xml%',
  'ts\\_stat',
  'ts\\_rewrite',
  'pg\\_notify',
  'pg\\_export\\_snapshot',
  'pg\\_logical\\_emit\\_message',
  'pg\\_cancel\\_backend',
  'pg\\_terminate\\_backend',
  'pg\\_advisory%',
  'pg\\_try\\_advisory%',
  'pg\\_read\\_%',
  'pg\\_ls\\_%',
  'pg\\_stat\\_file',
  'dblink%',
  'pg\\_reload\\_conf',
  'pg\\_rotate\\_logfile%',
  'pg\\_stat\\_reset%',
  'pg\\_log\\_backend%',
  'pg\\_switch\\_wal',
  'pg\\_create\\_%',
  'pg\\_drop\\_%',
  'pg\\_replication\\_%',
  'binary\\_upgrade%',
  'nextval',
  'setval',
];

/** Run once on a fresh database by its superuser. */
export const IMAGE_DDL: string = [
  `update pg_authid set rolname = '${SYSTEM_ROLE}' where oid = 10`,
  `update pg_database set datname = '${IMAGE_DATABASE}' where datname = 'postgres'`,
  `create role ${SETTINGS_ROLE} nologin`,
  `create role ${READER_ROLE} nologin`,
  `do $$ declare f regprocedure; begin
     for f in select oid from pg_proc where pronamespace = 'pg_catalog'::regnamespace and proname like any (array[${DENIED.map((name) => `'${name}'`).join(', ')}]) loop
       execute format('revoke execute on function %s from public', f);
     end loop;
   end $$`,
  `grant execute on function pg_catalog.set_config(text, text, boolean) to ${SETTINGS_ROLE}`,
  `create schema timeline_ops`,
  `grant usage on schema timeline_ops to public`,
  ...TIMELINE_STUBS,
  `create schema ${ACTION_SCHEMA}`,
  `grant usage on schema ${ACTION_SCHEMA} to public`,
  ...ACTION_STUBS,
  // Row security policies of mirror tables call it: an engine query that reached the mirror must fail, not find nothing.
  `create function timeline_ops.misrouted() returns boolean language plpgsql stable as
     $$ begin raise exception 'the query was sent to the catalogue instead of the engine' using errcode = 'XX000'; end $$`,
  // Constants are computed in the session's time zone and written in UTC: it is called between the two.
  `create function timeline_ops.write_in_utc() returns boolean language plpgsql volatile security definer set search_path = pg_catalog as
     $$ begin perform set_config('TimeZone', 'UTC', true); return true; end $$`,
  `create or replace function pg_catalog.pg_backend_pid() returns integer language sql stable as
     $$ select coalesce(nullif(current_setting('timeline.backend_pid', true), '')::integer, 0) $$`,
].join(';\n');

const MAGIC = 'timeline-postgres-image';

/** Changes whenever an older image would be wrong. */
function fingerprint(): string {
  return createHash('sha256').update(`2 pglite 0.5.16\n${IMAGE_DDL}`).digest('hex');
}

/** One line before the tar: what it was made from, and how long it is (a copy may have been cut off). */
export function imageHeader(tarLength: number): Uint8Array {
  return Buffer.from(`${MAGIC} ${fingerprint()} ${tarLength}\n`, 'latin1');
}

/** The tar of an image file; undefined when it was made by another version, or is damaged. */
export function readImage(file: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const end = bytes.subarray(0, 200).indexOf('\n');
  if (end < 0) return undefined;
  const tar = bytes.subarray(end + 1);
  return bytes.toString('latin1', 0, end) === `${MAGIC} ${fingerprint()} ${tar.length}` ? new Uint8Array(tar) : undefined;
}
