import { DIALECTS } from '../sql/dialect.js';
import { TimelineError, unsupported } from '../sql/errors.js';
import { nearestName } from '../sql/nearest-name.js';
import { byteCount } from './config-reader.js';

/** Name, default and check of a setting that this server acts on. `check` gives the value to keep, or throws 22023. */
interface OwnSetting {
  readonly name: string;
  readonly initial: string;
  readonly report: boolean;
  readonly readOnly?: boolean;
  check(value: string, name: string): string;
}

/** A row of the embedded Postgres's pg_settings: settings that are accepted and shown, but change nothing here. */
export interface PostgresSetting {
  readonly name: string;
  readonly value: string;
  readonly type: 'bool' | 'integer' | 'real' | 'enum' | 'string';
  readonly values: readonly string[];
  readonly context: string;
}

const any = (value: string): string => value;

const isolationLevel = oneOf('serializable', 'repeatable read', 'read committed', 'read uncommitted');

const OWN: readonly OwnSetting[] = [
  { name: 'server_version', initial: '', report: true, readOnly: true, check: any },
  { name: 'server_encoding', initial: 'UTF8', report: true, readOnly: true, check: any },
  { name: 'client_encoding', initial: 'UTF8', report: true, check: utf8Only },
  { name: 'application_name', initial: '', report: true, check: (value) => value.slice(0, 63) },
  { name: 'default_transaction_read_only', initial: 'off', report: true, check: boolean },
  { name: 'default_transaction_isolation', initial: 'read committed', report: false, check: isolationLevel },
  { name: 'transaction_isolation', initial: 'read committed', report: false, check: isolationLevel },
  { name: 'transaction_read_only', initial: 'off', report: false, check: boolean },
  { name: 'transaction_deferrable', initial: 'off', report: false, check: boolean },
  { name: 'default_transaction_deferrable', initial: 'off', report: false, check: boolean },
  { name: 'in_hot_standby', initial: 'off', report: true, readOnly: true, check: any },
  { name: 'is_superuser', initial: 'off', report: true, readOnly: true, check: any },
  { name: 'session_authorization', initial: '', report: true, readOnly: true, check: any },
  { name: 'DateStyle', initial: 'ISO, MDY', report: true, check: isoDates },
  { name: 'IntervalStyle', initial: 'postgres', report: true, check: oneOf('postgres') },
  { name: 'TimeZone', initial: 'UTC', report: true, check: timeZone },
  { name: 'integer_datetimes', initial: 'on', report: true, readOnly: true, check: any },
  { name: 'standard_conforming_strings', initial: 'on', report: true, check: oneOf('on') },
  { name: 'search_path', initial: '"$user", public', report: true, check: any },
  { name: 'statement_timeout', initial: '0', report: false, check: milliseconds },
  { name: 'lock_timeout', initial: '0', report: false, check: milliseconds },
  { name: 'idle_in_transaction_session_timeout', initial: '0', report: false, check: milliseconds },
  { name: 'idle_session_timeout', initial: '0', report: false, check: milliseconds },
  { name: 'timeline.driver', initial: 'auto', report: false, check: oneOf('auto', 'local', 'temporal') },
  { name: 'timeline.include_recent', initial: 'off', report: false, check: boolean },
  { name: 'timeline.use_index', initial: 'auto', report: false, check: oneOf('auto', 'on', 'off') },
  { name: 'timeline.max_bytes', initial: '0', report: false, check: bytes },
  { name: 'timeline.max_rows', initial: '0', report: false, check: wholeNumber },
  { name: 'timeline.memory', initial: '0', report: false, check: bytes },
  { name: 'timeline.small_bytes', initial: '67108864', report: false, check: bytes },
  { name: 'timeline.split_bytes', initial: '67108864', report: false, check: bytes },
  { name: 'timeline.splits_per_task', initial: '1', report: false, check: wholeNumberFrom(1, 10_000) },
  { name: 'timeline.partitions', initial: '2', report: false, check: wholeNumberFrom(1, 1000) },
  { name: 'timeline.dynamic_filters', initial: 'auto', report: false, check: oneOf('auto', 'on', 'off') },
  { name: 'timeline.key_semi_join', initial: 'auto', report: false, check: oneOf('auto', 'on', 'off') },
  { name: 'timeline.carry', initial: 'auto', report: false, check: oneOf('auto', 'on', 'off') },
  { name: 'timeline.top_n', initial: 'auto', report: false, check: oneOf('auto', 'on', 'off') },
  { name: 'timeline.connector_aggregates', initial: 'on', report: false, check: oneOf('on', 'off') },
  { name: 'timeline.page_index', initial: 'auto', report: false, check: oneOf('auto', 'on', 'off') },
  { name: 'timeline.bloom_filters', initial: 'auto', report: false, check: oneOf('auto', 'on', 'off') },
  { name: 'timeline.progress', initial: 'off', report: false, check: boolean },
  { name: 'timeline.dialect', initial: 'postgres', report: false, check: oneOf('postgres', ...DIALECTS) },
  { name: 'timeline.as_of', initial: '', report: false, check: any },
];

const OWN_BY_NAME = new Map(OWN.map((setting) => [setting.name.toLowerCase(), setting]));

/** Of the connection and its transactions. */
const NOT_FOR_REPLAYS: ReadonlySet<string> = new Set([
  'client_encoding',
  'client_min_messages',
  'application_name',
  'default_transaction_read_only',
  'default_transaction_isolation',
  'default_transaction_deferrable',
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'timeline.driver',
  'timeline.include_recent',
  'timeline.progress',
  'timeline.max_rows',
]);

export interface SettingsOptions {
  readonly serverVersion: string;
  readonly user: string;
  readonly postgres: ReadonlyMap<string, PostgresSetting>;
  readonly onReport: (name: string, value: string) => void;
}

/** A session's settings (GUCs), with SET LOCAL and rollback. Names are case-insensitive. */
export class Settings {
  private values = new Map<string, string>();
  private readonly initial = new Map<string, string>();
  private beforeTransaction: Map<string, string> | undefined;
  private local = new Set<string>();
  private savepoints: { readonly values: ReadonlyMap<string, string>; readonly local: ReadonlySet<string> }[] = [];

  constructor(private readonly options: SettingsOptions) {
    for (const setting of OWN) this.initial.set(setting.name.toLowerCase(), setting.initial);
    this.initial.set('server_version', options.serverVersion);
    this.initial.set('session_authorization', options.user);
  }

  /** A start-up parameter: its value is also what RESET goes back to. */
  setInitial(name: string, value: string): void {
    const key = name.toLowerCase();
    this.initial.set(key, this.checked(name, value));
  }

  /** Undefined: no such setting. */
  get(name: string): string | undefined {
    const key = name.toLowerCase();
    return this.values.get(key) ?? this.initial.get(key) ?? this.options.postgres.get(key)?.value;
  }

  /** Throws 42704 with the nearest name. */
  requireKnown(name: string): string {
    throw unknownSetting(name, this.names());
  }

  /** As `get`, for a setting of ours. */
  own(name: string): string {
    return this.get(name) ?? '';
  }

  /** SET name TO value; `local` ends with the transaction. Throws 42704 for an unknown name, 22023 for a bad value. */
  set(name: string, value: string, local: boolean): void {
    const key = name.toLowerCase();
    const before = this.get(name);
    const checked = this.checked(name, value);
    if (local) this.local.add(key);
    else this.local.delete(key);
    this.values.set(key, checked);
    this.report(key, before);
  }

  reset(name: string): void {
    const key = name.toLowerCase();
    if (this.get(name) === undefined) throw unknownSetting(name, this.names());
    const before = this.get(name);
    this.values.delete(key);
    this.report(key, before);
  }

  resetAll(): void {
    for (const key of [...this.values.keys()]) this.reset(key);
  }

  begin(): void {
    this.beforeTransaction ??= new Map(this.values);
  }

  /** Ends the transaction: a rollback undoes its SETs, a commit only the local ones. */
  end(committed: boolean): void {
    const before = this.beforeTransaction;
    this.beforeTransaction = undefined;
    this.savepoints = [];
    const undo = committed ? this.local : new Set(this.values.keys());
    this.local = new Set();
    if (before === undefined) return;
    for (const key of new Set([...undo, ...(committed ? [] : before.keys())])) {
      const now = this.get(key);
      const old = before.get(key);
      if (old === undefined) this.values.delete(key);
      else this.values.set(key, old);
      this.report(key, now);
    }
  }

  savepoint(): void {
    this.savepoints.push({ values: new Map(this.values), local: new Set(this.local) });
  }

  /** Number of the savepoint, from 0. */
  release(savepoint: number): void {
    this.savepoints.length = savepoint;
  }

  rollbackTo(savepoint: number): void {
    const then = this.savepoints[savepoint];
    this.savepoints.length = savepoint + 1;
    if (then === undefined) return;
    const before = new Map([...this.values.keys(), ...then.values.keys()].map((key) => [key, this.get(key)] as const));
    this.values = new Map(then.values);
    this.local = new Set(then.local);
    for (const [key, value] of before) this.report(key, value);
  }

  /** For ParameterStatus at start-up. */
  reported(): readonly (readonly [string, string])[] {
    return OWN.filter((setting) => setting.report).map((setting) => [setting.name, this.own(setting.name)] as const);
  }

  /** Everything, for SHOW ALL. */
  all(): readonly (readonly [name: string, value: string])[] {
    return this.names().map((name) => [name, this.get(name) ?? ''] as const);
  }

  /** What was set in this session, for the embedded Postgres's current_setting(). */
  changed(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.initial, ...this.values].filter(([key]) => OWN_BY_NAME.get(key)?.readOnly !== true));
  }

  /** What a replay of this session is planned with: all that was chosen and that its answer, or its cost, may hang on. */
  forReplays(): Readonly<Record<string, string>> {
    const chosen = new Map([...this.initial, ...this.values]);
    return Object.fromEntries(
      [...chosen]
        .filter(([key, value]) => {
          const own = OWN_BY_NAME.get(key);
          if (own === undefined) return this.options.postgres.get(key)?.value !== value && !NOT_FOR_REPLAYS.has(key);
          return own.initial !== value && own.readOnly !== true && !NOT_FOR_REPLAYS.has(key);
        })
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  private names(): string[] {
    const names = new Set([...this.options.postgres.keys(), ...OWN.map((setting) => setting.name.toLowerCase()), ...this.values.keys()]);
    return [...names].map((key) => OWN_BY_NAME.get(key)?.name ?? this.options.postgres.get(key)?.name ?? key).sort();
  }

  private checked(name: string, value: string): string {
    const key = name.toLowerCase();
    const own = OWN_BY_NAME.get(key);
    if (own !== undefined) {
      if (own.readOnly === true) throw invalid(`parameter "${own.name}" cannot be changed`, '55P02');
      return own.check(value, own.name);
    }
    if (key.startsWith('timeline.'))
      throw unknownSetting(
        name,
        OWN.map((setting) => setting.name),
      );
    if (key.includes('.')) return value;
    const known = this.options.postgres.get(key);
    if (known === undefined) throw unknownSetting(name, this.names());
    return checkPostgres(known, value);
  }

  private report(key: string, before: string | undefined): void {
    const own = OWN_BY_NAME.get(key);
    if (own?.report !== true) return;
    const now = this.own(own.name);
    if (now !== before) this.options.onReport(own.name, now);
  }
}

function checkPostgres(setting: PostgresSetting, value: string): string {
  if (setting.context === 'internal' || setting.context === 'postmaster')
    throw invalid(`parameter "${setting.name}" cannot be changed`, '55P02');
  if (setting.type === 'bool') return boolean(value, setting.name);
  if (setting.type === 'enum' && !setting.values.includes(value.toLowerCase())) {
    throw invalid(`invalid value for parameter "${setting.name}": "${value}"`, '22023', `Available values: ${setting.values.join(', ')}.`);
  }
  return value;
}

function boolean(value: string, name: string): string {
  const text = value.toLowerCase();
  if (['on', 'true', 'yes', '1', 't', 'y'].includes(text)) return 'on';
  if (['off', 'false', 'no', '0', 'f', 'n'].includes(text)) return 'off';
  throw invalid(`parameter "${name}" requires a Boolean value`);
}

function oneOf(...values: readonly string[]) {
  return (value: string, name: string): string => {
    if (values.includes(value.toLowerCase())) return value.toLowerCase();
    throw invalid(`invalid value for parameter "${name}": "${value}"`, '22023', `Available values: ${values.join(', ')}.`);
  };
}

function utf8Only(value: string): string {
  const name = value.replace(/['"\-_]/g, '').toUpperCase();
  if (name === 'UTF8' || name === 'UNICODE' || name === '') return 'UTF8';
  throw unsupported(`client_encoding ${value}`, { hint: 'Use UTF8.' });
}

function isoDates(value: string): string {
  const parts = value
    .toUpperCase()
    .split(',')
    .map((part) => part.trim());
  if (parts.includes('ISO') && parts.every((part) => ['ISO', 'MDY', 'YMD', 'DMY'].includes(part))) return 'ISO, MDY';
  throw unsupported(`DateStyle ${value}`, { hint: 'Use ISO.' });
}

/** Making a formatter takes a millisecond. */
const KNOWN_ZONES = new Set<string>();
const MOST_ZONES = 1000;

/** Throws 22023 for a name that is none. */
export function timeZone(value: string): string {
  const text = value.replace(/^'(.*)'$/, '$1');
  if (/^(local|default)$/i.test(text)) return 'UTC';
  try {
    // Offsets such as +02 are accepted by Intl but mean the opposite sign in POSIX: names only.
    if (!/^[A-Za-z]/.test(text)) throw new RangeError('not a name');
    if (!KNOWN_ZONES.has(text)) new Intl.DateTimeFormat('en', { timeZone: text });
    if (KNOWN_ZONES.size < MOST_ZONES) KNOWN_ZONES.add(text);
    return text;
  } catch {
    throw invalid(`invalid value for parameter "TimeZone": "${value}"`, '22023', 'Use a name of the IANA database, such as Europe/Paris.');
  }
}

function milliseconds(value: string, name: string): string {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*$/.exec(value);
  if (match === null)
    throw invalid(
      `invalid value for parameter "${name}": "${value}"`,
      '22023',
      'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".',
    );
  const unit = { us: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] ?? 'ms'] ?? 1;
  const total = Math.round(Number(match[1]) * unit);
  if (total > 2_147_483_647) throw invalid(`${value} is outside the valid range for parameter "${name}" (0 ms .. 2147483647 ms)`);
  return String(total);
}

function wholeNumber(value: string, name: string): string {
  const text = value.trim();
  if (/^\d{1,15}$/.test(text)) return String(Number(text));
  throw invalid(`invalid value for parameter "${name}": "${value}"`, '22023', 'Use a number of rows; 0 is no limit.');
}

function wholeNumberFrom(least: number, most: number) {
  return (value: string, name: string): string => {
    const number = /^\s*\d{1,9}\s*$/.test(value) ? Number(value) : Number.NaN;
    if (number >= least && number <= most) return String(number);
    throw invalid(`invalid value for parameter "${name}": "${value}"`, '22023', `Use a whole number from ${least} to ${most}.`);
  };
}

function bytes(value: string, name: string): string {
  try {
    return String(byteCount(value, name));
  } catch {
    throw invalid(`invalid value for parameter "${name}": "${value}"`, '22023', 'Use a number of bytes such as 500MB; 0 is no limit.');
  }
}

function invalid(message: string, sqlstate = '22023', hint?: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate, message, ...(hint === undefined ? {} : { hint }) });
}

function unknownSetting(name: string, known: readonly string[]): TimelineError {
  const near = nearestName(name, known);
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '42704',
    message: `unrecognized configuration parameter "${name}"`,
    ...(near === undefined ? {} : { hint: `Perhaps you meant "${near}".` }),
  });
}

const TIMEOUTS: ReadonlySet<string> = new Set([
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
]);

/** Timeouts are shown with their unit, as PostgreSQL does. */
export function displayed(name: string, value: string): string {
  if (!TIMEOUTS.has(name.toLowerCase()) || value === '0') return value;
  const ms = Number(value);
  const units: readonly (readonly [string, number])[] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1000],
  ];
  const unit = units.find(([, size]) => ms % size === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}
