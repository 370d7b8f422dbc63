import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { TimelineError } from '../../sql/errors.js';
import { quoteLiteral } from '../../sql/quote.js';
import { findReplay } from './find-replay.js';
import { type Answer, type Gateway, withGateway } from './gateway.js';
import { printRows, rowPrinter } from './print-rows.js';
import { formatOf, type Given, parseCommand, UsageError, wordsOf } from './usage.js';
import { waitFor } from './wait-command.js';

export const REPLAY_HELP = `timeline replay COMMAND [--url postgres://host:port/timeline]

Durable replays of the running gateway: queries that go on without a client, and outlive gateways and workers.
  submit "SQL" [--name NAME] [--result inline|file|SCHEMA.TABLE] [--wait]
                    run a query; prints the id of its replay. With a name, a replay of the same plan over the same data is used again
  list [--all]      what was submitted, the latest last; --all: intervals of backfills and queries of sessions, too
  show ID           all that is known of one
  wait ID           wait for its end, with a progress bar; Ctrl-C leaves the replay running
  watch ID          the same
  result ID [-o FILE]
                    its rows (--format table|csv|json)
  pause ID          start no further tasks
  resume ID         go on
  cancel ID [--reason TEXT]

ID is an id, a beginning of one that no other has, or a name (of several the last). list and show take --format table|csv|json, too.
The gateway is that of the configuration; --url or TIMELINE_URL names another.
Exit code: 0, 1 when something failed (wait: when the replay did), 2 for a wrong command line, 130 after Ctrl-C.
`;

const HINT = 'Run "timeline replay --help".';
const COMMON = { url: 'text', format: 'text' } as const;
const FETCHED = 5000;
const COLUMNS = 'id, name, kind, state, started_at, ended_at, tasks_done, tasks, rows, bytes_read, seconds_left, result, error';

/** `timeline replay …` */
export async function replayCommand(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  switch (command) {
    case 'submit':
      return submit(rest);
    case 'list':
      return list(rest);
    case 'show':
      return show(rest);
    case 'wait':
    case 'watch':
      return ofOne(rest, command, {}, waitFor);
    case 'result':
      return ofOne(rest, command, { output: 'text' }, result);
    case 'pause':
    case 'resume':
      return ofOne(rest, command, {}, (gateway, id) => act(gateway, id, `SELECT timeline.${command}($1)`, [id]));
    case 'cancel':
      return ofOne(rest, command, { reason: 'text' }, (gateway, id, given) =>
        act(gateway, id, 'SELECT timeline.cancel($1, $2)', [id, given.text('reason') ?? null]),
      );
    default:
      throw new UsageError(command === undefined ? 'replay takes a command' : `unknown command "replay ${command}"`, HINT);
  }
}

async function submit(args: readonly string[]): Promise<void> {
  const given = parseCommand(args, { ...COMMON, name: 'text', result: 'text', wait: 'flag' }, HINT);
  const [sql = ''] = wordsOf(given, ['"SQL"'], 'replay submit');
  await withGateway(given, async (gateway) => {
    const values = [sql, given.text('name') ?? null, given.text('result') ?? 'inline'];
    const { rows } = await gateway.query('SELECT timeline.submit($1, name => $2, result => $3)', values);
    const id = rows[0]?.[0] ?? '';
    process.stdout.write(`${id}\n`);
    if (given.flag('wait')) await waitFor(gateway, id);
  });
}

async function list(args: readonly string[]): Promise<void> {
  const given = parseCommand(args, { ...COMMON, all: 'flag' }, HINT);
  wordsOf(given, [], 'replay list');
  const format = formatOf(given.text('format') ?? 'table');
  const which = given.flag('all') ? '' : "WHERE kind <> 'query' AND parent IS NULL";
  await withGateway(given, async (gateway) => {
    const { columns, rows } = await gateway.query(`SELECT ${COLUMNS} FROM timeline.replays ${which} ORDER BY started_at, id`);
    process.stdout.write(printRows(format, columns, rows));
  });
}

async function show(args: readonly string[]): Promise<void> {
  await ofOne(args, 'show', {}, async (gateway, id, given) => {
    const answer = await gateway.query('SELECT * FROM timeline.replays WHERE id = $1', [id]);
    const format = formatOf(given.text('format') ?? 'table');
    process.stdout.write(format === 'table' ? vertical(answer) : printRows(format, answer.columns, answer.rows));
  });
}

/** One line a column; empty ones are left out. */
function vertical({ columns, rows }: Answer): string {
  const width = Math.max(...columns.map((name) => name.length));
  const [row = []] = rows;
  return columns
    .flatMap((name, i) => {
      const value = row[i] ?? null;
      return value === null ? [] : [`${name.padEnd(width)}  ${value.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}\n`];
    })
    .join('');
}

async function result(gateway: Gateway, id: string, given: Given): Promise<void> {
  const format = formatOf(given.text('format') ?? 'table');
  const file = given.text('output');
  const text = resultText(gateway, id, format);
  if (file === undefined) {
    for await (const part of text) process.stdout.write(part);
    return;
  }
  try {
    // Never over a file that is there.
    await pipeline(text, createWriteStream(file, { flags: 'wx' }));
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error;
    const code = 'code' in error ? String(error.code) : '';
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: code === 'EEXIST' ? '58P02' : '58030',
      message: code === 'EEXIST' ? `file "${file}" already exists` : `cannot write "${file}": ${code}`,
    });
  }
}

/** By a cursor: a result may be larger than what fits into memory here. */
async function* resultText(gateway: Gateway, id: string, format: ReturnType<typeof formatOf>): AsyncGenerator<string> {
  await gateway.query('BEGIN READ ONLY');
  await gateway.query(`DECLARE rows NO SCROLL CURSOR FOR SELECT * FROM timeline.result(${quoteLiteral(id)})`);
  let printer: ReturnType<typeof rowPrinter> | undefined;
  for (;;) {
    const { columns, rows } = await gateway.query(`FETCH ${FETCHED} FROM rows`);
    printer ??= rowPrinter(format, columns);
    const text = printer.rows(rows);
    if (text !== '') yield text;
    if (rows.length < FETCHED) break;
  }
  yield printer.end();
  await gateway.query('COMMIT');
}

/** Actions say whether they did anything. */
async function act(gateway: Gateway, id: string, sql: string, values: readonly (string | null)[]): Promise<void> {
  const { rows } = await gateway.query(sql, values);
  if (rows[0]?.[0] === 't') return;
  throw new TimelineError({ kind: 'semantic', sqlstate: '55000', message: `replay "${id}" is not running` });
}

async function ofOne(
  args: readonly string[],
  command: string,
  flags: Readonly<Record<string, 'text'>>,
  work: (gateway: Gateway, id: string, given: Given) => Promise<void>,
): Promise<void> {
  const given = parseCommand(args, { ...COMMON, ...flags }, HINT);
  const [name = ''] = wordsOf(given, ['ID'], `replay ${command}`);
  if (given.text('format') !== undefined) formatOf(given.text('format') ?? '');
  await withGateway(given, async (gateway) => work(gateway, await findReplay(gateway, name), given));
}
