import { TimelineError } from '../../sql/errors.js';
import { withGateway } from './gateway.js';
import { printRows } from './print-rows.js';
import { formatOf, type Given, parseCommand, UsageError, wordsOf } from './usage.js';
import { waitFor } from './wait-command.js';

export const SCHEDULE_HELP = `timeline schedule COMMAND [--url postgres://host:port/timeline]

Queries that run again and again, over one interval after the other. $1 and $2 in the SQL are the interval's bounds: [from, until).
  add NAME "CRON" "SQL" [--result inline|file|SCHEMA.TABLE] [--overlap skip|queue|parallel] [--catch-up INTERVAL] [--time-zone ZONE]
                    CRON has five fields, or is @hourly, @daily, @weekly, @monthly
  list [--format table|csv|json]
  pause NAME        start nothing more
  resume NAME       go on
  remove NAME       what runs goes on

Example: timeline schedule add hourly @hourly "SELECT count(*) FROM lake.events WHERE ts >= \\$1 AND ts < \\$2" --result results.hourly
Exit code: 0, 1 when something failed, 2 for a wrong command line.
`;

export const BACKFILL_HELP = `timeline backfill SCHEDULE FROM UNTIL [--missing-only] [--chunk interval|hour|day|week|month] [--parallel N] [--wait]

Runs the past intervals of a schedule that lie in [FROM, UNTIL), each once; prints the id of the backfill's replay.
  --missing-only    leave out intervals that have a completed replay
  --chunk UNIT      as many of these units at once, instead of the schedule's intervals
  --parallel N      so many at a time (4); 1: in order
  --wait            wait for the end, with a progress bar; Ctrl-C leaves it running

Example: timeline backfill hourly 2025-03-01 2025-04-01 --missing-only --wait
It can be watched, paused and cancelled like any replay (timeline replay --help).
Exit code: 0, 1 when something failed, 2 for a wrong command line, 130 after Ctrl-C.
`;

const HINT = 'Run "timeline schedule --help".';
const URL_FLAG = { url: 'text' } as const;

/** `timeline schedule …` */
export async function scheduleCommand(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  switch (command) {
    case 'add':
      return add(rest);
    case 'list':
      return list(rest);
    case 'remove':
      return ofOne(rest, command, 'unschedule');
    case 'pause':
      return ofOne(rest, command, 'pause_schedule');
    case 'resume':
      return ofOne(rest, command, 'resume_schedule');
    default:
      throw new UsageError(command === undefined ? 'schedule takes a command' : `unknown command "schedule ${command}"`, HINT);
  }
}

async function add(args: readonly string[]): Promise<void> {
  const flags = { ...URL_FLAG, result: 'text', overlap: 'text', 'catch-up': 'text', 'time-zone': 'text' } as const;
  const given = parseCommand(args, flags, HINT);
  const words = wordsOf(given, ['NAME', '"CRON"', '"SQL"'], 'schedule add');
  const named = [
    ['result', given.text('result')],
    ['overlap', given.text('overlap')],
    ['catch_up', given.text('catch-up')],
    ['time_zone', given.text('time-zone')],
  ].filter((entry): entry is [string, string] => entry[1] !== undefined);
  // What is not given is the function's default.
  const more = named.map(([name], n) => `, ${name} => $${words.length + n + 1}`).join('');
  await withGateway(given, async (gateway) => {
    const { rows } = await gateway.query(`SELECT timeline.schedule($1, $2, $3${more})`, [...words, ...named.map(([, value]) => value)]);
    process.stdout.write(`${rows[0]?.[0] ?? ''}\n`);
  });
}

async function list(args: readonly string[]): Promise<void> {
  const given = parseCommand(args, { ...URL_FLAG, format: 'text' }, HINT);
  wordsOf(given, [], 'schedule list');
  const format = formatOf(given.text('format') ?? 'table');
  await withGateway(given, async (gateway) => {
    const { columns, rows } = await gateway.query(
      'SELECT name, cron, time_zone, paused, next_run, last_run, running, overlap, result, sql FROM timeline.schedules ORDER BY name',
    );
    process.stdout.write(printRows(format, columns, rows));
  });
}

async function ofOne(args: readonly string[], command: string, action: string): Promise<void> {
  const given = parseCommand(args, URL_FLAG, HINT);
  const [name = ''] = wordsOf(given, ['NAME'], `schedule ${command}`);
  await withGateway(given, async (gateway) => {
    gateway.onNotice(() => undefined);
    const { rows } = await gateway.query(`SELECT timeline.${action}($1)`, [name]);
    if (rows[0]?.[0] === 't') return;
    throw new TimelineError({ kind: 'semantic', sqlstate: '42704', message: `schedule "${name.slice(0, 200)}" does not exist` });
  });
}

/** `timeline backfill …` */
export async function backfillCommand(args: readonly string[]): Promise<void> {
  const flags = { ...URL_FLAG, chunk: 'text', parallel: 'text', 'missing-only': 'flag', wait: 'flag' } as const;
  const given = parseCommand(args, flags, 'Run "timeline backfill --help".');
  const words = wordsOf(given, ['SCHEDULE', 'FROM', 'UNTIL'], 'backfill');
  const values = [...words, String(given.flag('missing-only')), given.text('chunk') ?? 'interval', parallelOf(given)];
  await withGateway(given, async (gateway) => {
    const { rows } = await gateway.query('SELECT timeline.backfill($1, $2, $3, missing_only => $4, chunk => $5, parallel => $6)', values);
    const id = rows[0]?.[0] ?? '';
    process.stdout.write(`${id}\n`);
    if (given.flag('wait')) await waitFor(gateway, id);
  });
}

function parallelOf(given: Given): string {
  const text = given.text('parallel') ?? '4';
  if (!/^\d{1,4}$/.test(text)) throw new UsageError(`--parallel must be a number, not "${text.slice(0, 50)}"`);
  return text;
}
