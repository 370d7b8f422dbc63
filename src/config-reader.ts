import { TimelineError } from '../sql/errors.js';
import { nearestName } from '../sql/nearest-name.js';

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One mapping of the configuration document: knows its keys, refuses others, names the full path in errors. */
export class Reader {
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(
    value: unknown,
    private readonly path: string,
    known: readonly string[],
  ) {
    if (value !== undefined && value !== null && !isObject(value))
      throw this.error(path === '' ? 'the document' : path, 'must be a mapping');
    this.values = isObject(value) ? value : {};
    for (const key of Object.keys(this.values)) {
      if (known.includes(key)) continue;
      const near = nearestName(key, known);
      const hint = near === undefined ? `Known keys: ${known.join(', ')}.` : `Perhaps you meant "${this.name(near)}".`;
      throw new TimelineError({ kind: 'semantic', sqlstate: 'F0000', message: `unknown configuration key "${this.name(key)}"`, hint });
    }
  }

  has(key: string): boolean {
    return this.values[key] !== undefined;
  }

  value(key: string): unknown {
    return this.values[key];
  }

  string(key: string): string | undefined {
    const value = this.values[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string' && typeof value !== 'number') throw this.error(this.name(key), 'must be text');
    return String(value);
  }

  required(key: string): string {
    const value = this.string(key);
    if (value === undefined) throw this.error(this.name(key), 'is required');
    return value;
  }

  boolean(key: string): boolean | undefined {
    const value = this.values[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'boolean') throw this.error(this.name(key), 'must be true or false');
    return value;
  }

  section(key: string, known: readonly string[]): Reader {
    return new Reader(this.values[key], this.name(key), known);
  }

  name(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }

  error(name: string, problem: string): TimelineError {
    return new TimelineError({ kind: 'semantic', sqlstate: 'F0000', message: `${name}: ${problem}` });
  }
}

export function configError(message: string, hint?: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: 'F0000', message, ...(hint === undefined ? {} : { hint }) });
}

/** `1073741824`, `512MB`, `4GiB` as bytes. */
export function byteCount(value: unknown, name: string): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])i?b?|b)?\s*$/i.exec(String(value));
  if (match === null) throw configError(`${name}: must be a number of bytes such as 512MB, not ${String(value)}`);
  const exponent = match[2] === undefined ? 0 : ' kmgt'.indexOf(match[2].toLowerCase());
  return Math.round(Number(match[1]) * 1024 ** exponent);
}
