import { parseArgs } from 'node:util';
import { asTimelineError } from '../sql/errors.js';
import { quoteLiteral } from '../sql/quote.js';
import { Interrupted, UsageError } from './commands/usage.js';

interface Command {
  readonly usage: string;
  readonly summary: string;
  run(args: readonly string[]): Promise<void>;
  /** Of `timeline COMMAND --help`; absent: the help of all commands. */
  help?(): Promise<string>;
}

// Commands are imported when they run: `timeline --help` must not load a database.
const COMMANDS: Readonly<Record<string, Command>> = {
  serve: {
    usage: 'serve',
    summary: 'serve Postgres and HTTP, with the durable engine beside it',
    run: async (args) => {
      parse(args, {});
      const { serve } = await import('./serve.js');
      await serve();
    },
  },
  worker: {
    usage: 'worker [--queue interactive|bulk|both] [--slots N]',
    summary: 'run tasks of replay workflows (needs TEMPORAL_ADDRESS or temporal.address; worker --help)',
    run: async (args) => {
      const { values } = parse(args, { queue: { type: 'string', default: 'both' }, slots: { type: 'string' } });
      const { work, workArguments } = await import('./worker-process.js');
      await work(workArguments(String(values['queue']), values['slots'] === undefined ? undefined : String(values['slots'])));
    },
    help: async () => (await import('./commands/worker-help.js')).WORKER_HELP,
  },
  query: {
    usage: 'query "SQL" [--format table|csv|json] [--dialect NAME]',
    summary: 'answer one query in this process and print it',
    run: async (args) => {
      const { values, positionals } = parse(
        args,
        { format: { type: 'string', default: 'table' }, dialect: { type: 'string', default: 'postgres' } },
        true,
      );
      const [sql, ...rest] = positionals;
      if (sql === undefined || rest.length > 0) throw new UsageError('query takes one SQL text');
      const { queryCommand } = await import('./commands/query-command.js');
      await queryCommand(sql, String(values['format']), String(values['dialect']));
    },
  },
  render: {
    usage: 'render "SELECT …" [-o FILE] [--key VALUE] [--width PIXELS] [--format svg|html]',
    summary: 'draw the spans, points or events of a query as lanes over time (render --help)',
    run: async (args) => {
      const text = { type: 'string' } as const;
      const { values, positionals } = parse(
        args,
        {
          output: { ...text, short: 'o' },
          key: { ...text, multiple: true },
          by: text,
          width: text,
          format: text,
          timezone: text,
          title: text,
        },
        true,
      );
      const [sql, ...rest] = positionals;
      if (sql === undefined || rest.length > 0) throw new UsageError('render takes one SQL text', 'Run "timeline render --help".');
      const word = (name: string): string | undefined => (values[name] === undefined ? undefined : String(values[name]));
      const { renderCommand } = await import('./render-command.js');
      const { width, format, timezone, title, by } = {
        width: word('width'),
        format: word('format'),
        timezone: word('timezone'),
        title: word('title'),
        by: word('by'),
      };
      const key = Array.isArray(values['key']) ? values['key'].map(String) : [];
      await renderCommand({ sql, width, format, timezone, title, by, key }, word('output'));
    },
    help: async () => (await import('./render-command.js')).RENDER_HELP,
  },
  doctor: {
    usage: 'doctor [--format table|json]',
    summary: 'check configuration, catalogs, stage store, Temporal and workers (doctor --help)',
    run: async (args) => {
      const { values } = parse(args, { format: { type: 'string', default: 'table' } });
      const { doctorCommand } = await import('./commands/doctor-command.js');
      process.exitCode = (await doctorCommand(String(values['format']))) ? 0 : 1;
    },
    help: async () => (await import('./commands/doctor-command.js')).DOCTOR_HELP,
  },
  optimize: maintenance(
    'optimize TABLE [--target-file-bytes N] [--min-input-files N]',
    'rewrite small files of a table, deletes applied',
    'optimize',
    { 'target-file-bytes': 'target_file_bytes', 'min-input-files': 'min_input_files' },
  ),
  'rewrite-manifests': maintenance('rewrite-manifests TABLE', 'put small manifests of a table together', 'rewrite_manifests', {}),
  'expire-snapshots': maintenance(
    'expire-snapshots TABLE [--older-than TIME] [--retain-last N]',
    'forget old snapshots of a table, and delete the files that only they have',
    'expire_snapshots',
    { 'older-than': 'older_than', 'retain-last': 'retain_last' },
  ),
  'remove-orphans': maintenance(
    'remove-orphans TABLE [--older-than TIME] [--dry-run]',
    'delete files in the folder of a table that no snapshot knows',
    'remove_orphan_files',
    { 'older-than': 'older_than', 'dry-run': 'dry_run' },
  ),
  index: {
    usage: 'index build|status TABLE',
    summary: 'indexes of tables that the configuration names in index_for (index --help)',
    run: async (args) => (await import('./commands/index-command.js')).indexCommand(args),
    help: async () => (await import('./commands/index-command.js')).INDEX_HELP,
  },
  replay: {
    usage: 'replay submit|list|show|wait|result|pause|resume|cancel …',
    summary: 'durable replays of the running gateway (replay --help)',
    run: async (args) => (await import('./commands/replay-command.js')).replayCommand(args),
    help: async () => (await import('./commands/replay-command.js')).REPLAY_HELP,
  },
  schedule: {
    usage: 'schedule add|list|pause|resume|remove …',
    summary: 'queries that run again and again (schedule --help)',
    run: async (args) => (await import('./commands/schedule-command.js')).scheduleCommand(args),
    help: async () => (await import('./commands/schedule-command.js')).SCHEDULE_HELP,
  },
  backfill: {
    usage: 'backfill SCHEDULE FROM UNTIL [--missing-only] [--wait]',
    summary: 'run the past intervals of a schedule (backfill --help)',
    run: async (args) => (await import('./commands/schedule-command.js')).backfillCommand(args),
    help: async () => (await import('./commands/schedule-command.js')).BACKFILL_HELP,
  },
};

/** A command that is CALL timeline.procedure(table, …): `flags` are its options and the procedure's arguments. */
function maintenance(usage: string, summary: string, procedure: string, flags: Readonly<Record<string, string>>): Command {
  return {
    usage,
    summary,
    run: async (args) => {
      const options: Options = { format: { type: 'string', default: 'table' } };
      for (const flag of Object.keys(flags)) options[flag] = { type: flag === 'dry-run' ? 'boolean' : 'string' };
      const { values, positionals } = parse(args, options, true);
      const [table, ...rest] = positionals;
      if (table === undefined || rest.length > 0) throw new UsageError(`${usage.split(' ')[0]} takes one table`);
      const given = Object.entries(flags).flatMap(([flag, name]) => {
        const value = values[flag];
        return value === undefined ? [] : [`${name} => ${quoteLiteral(String(value))}`];
      });
      const { queryCommand } = await import('./commands/query-command.js');
      await queryCommand(`CALL timeline.${procedure}(${[quoteLiteral(table), ...given].join(', ')})`, String(values['format']));
    },
  };
}

type Options = NonNullable<Parameters<typeof parseArgs>[0]>['options'];

function parse(args: readonly string[], options: NonNullable<Options>, allowPositionals = false) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function help(): string {
  const width = Math.max(...Object.values(COMMANDS).map((command) => command.usage.length));
  const lines = Object.values(COMMANDS).map((command) => `  timeline ${command.usage.padEnd(width)}  ${command.summary}`);
  return [
    'Timeline: questions of event history, over the Postgres protocol.',
    '',
    ...lines,
    '',
    'Configuration: timeline.yaml in this folder, or the file that TIMELINE_CONFIG names; every key also as TIMELINE_…',
    '(TIMELINE_PG_PORT, TIMELINE_HTTP_PORT, TIMELINE_HOME, TEMPORAL_ADDRESS, TIMELINE_TEMPORAL=dev|off).',
    'Exit code: 0, 1 when something failed, 2 for a wrong command line, 130 after Ctrl-C.',
    '',
  ].join('\n');
}

/** The command line. Errors are one line on standard error, with a hint where there is one; exit code 1, 2 (usage) or 130 (Ctrl-C). */
export async function main(args: readonly string[]): Promise<void> {
  const [name, ...rest] = args;
  const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help' || rest.includes('--help')) {
    process.stdout.write((await command?.help?.()) ?? help());
    return;
  }
  try {
    if (command === undefined) throw new UsageError(`unknown command "${name}"`);
    await command.run(rest);
  } catch (thrown) {
    const error = asTimelineError(thrown);
    process.stderr.write(`timeline: ${error.message}\n`);
    if (error.detail !== undefined) process.stderr.write(`  detail: ${error.detail}\n`);
    if (error.hint !== undefined) process.stderr.write(`  hint: ${error.hint}\n`);
    if (error.kind === 'internal' && error.cause instanceof Error) process.stderr.write(`${error.cause.stack ?? ''}\n`);
    process.exitCode = error instanceof UsageError ? 2 : error instanceof Interrupted ? 130 : 1;
  }
}
