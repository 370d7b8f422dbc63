import { TimelineError } from './errors.js';
import { listOf, nodeOf, optionText, textOf } from './parse-tree.js';

export interface ExplainOptions {
  readonly analyze: boolean;
  readonly format: 'text' | 'json' | 'xml' | 'yaml';
  /** Milliseconds of each stage. */
  readonly timing: boolean;
  /** What the whole took, below an analysed plan. */
  readonly summary: boolean;
}

/** Known to PostgreSQL; our plans have nothing to show for them. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['verbose', 'costs', 'buffers', 'settings', 'memory']);
const FORMATS: readonly string[] = ['text', 'json', 'xml', 'yaml'];

/** The options of EXPLAIN. Throws what PostgreSQL says of wrong ones, and of those that need others. */
export function explainOptions(options: unknown): ExplainOptions {
  const given = new Map<string, boolean>();
  let format: ExplainOptions['format'] = 'text';
  for (const option of listOf(options)) {
    const { defname, arg } = nodeOf(nodeOf(option)['DefElem']);
    const name = textOf(defname);
    if (name === 'format') {
      const value = optionText(arg) ?? '';
      if (!FORMATS.includes(value)) throw unknownValue(name, value);
      format = value as ExplainOptions['format'];
    } else if (name === 'serialize') {
      const value = optionText(arg) ?? 'text';
      if (!['off', 'none', 'text', 'binary'].includes(value)) throw unknownValue(name, value);
      given.set(name, value === 'text' || value === 'binary');
    } else if (WITHOUT_EFFECT.has(name) || ['analyze', 'timing', 'summary', 'wal', 'generic_plan'].includes(name)) {
      given.set(name, booleanOf(name, arg));
    } else {
      throw new TimelineError({ kind: 'syntax', sqlstate: '42601', message: `unrecognized EXPLAIN option "${name}"` });
    }
  }
  const analyze = given.get('analyze') ?? false;
  for (const name of ['wal', 'timing', 'serialize']) {
    if (given.get(name) === true && !analyze) throw invalid(`EXPLAIN option ${name.toUpperCase()} requires ANALYZE`);
  }
  if (given.get('generic_plan') === true && analyze) throw invalid('EXPLAIN options ANALYZE and GENERIC_PLAN cannot be used together');
  return { analyze, format, timing: given.get('timing') ?? analyze, summary: given.get('summary') ?? analyze };
}

function booleanOf(name: string, arg: unknown): boolean {
  const value = optionText(arg)?.toLowerCase();
  if (value === undefined || ['true', 'on', '1'].includes(value)) return true;
  if (['false', 'off', '0'].includes(value)) return false;
  throw new TimelineError({ kind: 'syntax', sqlstate: '42601', message: `${name} requires a Boolean value` });
}

function unknownValue(option: string, value: string): TimelineError {
  return invalid(`unrecognized value for EXPLAIN option "${option}": "${value}"`);
}

function invalid(message: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '22023', message });
}
