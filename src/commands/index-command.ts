import { quoteLiteral } from '../../sql/quote.js';
import { withGateway } from './gateway.js';
import { printRows } from './print-rows.js';
import { formatOf, parseCommand, UsageError, wordsOf } from './usage.js';

export const INDEX_HELP = `timeline index COMMAND TABLE [--url postgres://host:port/timeline]

Indexes that log stores keep of tables: catalogs of type victorialogs name the tables in index_for.
  build TABLE       write documents of those data files that are not indexed, and check that they are there to stay;
                    prints what was done. Interrupted, it goes on where it was. Takes 15 s at least when there is anything to write
  status [TABLE]    the data files of the current snapshot, and why those that are not covered are read in full
  status --summary  one line a table

Both take --format table|csv|json. TABLE is a name as in SQL: lake.events
The gateway is that of the configuration; --url or TIMELINE_URL names another.
Exit code: 0, 1 when something failed, 2 for a wrong command line.
`;

const HINT = 'Run "timeline index --help".';
const COMMON = { url: 'text', format: 'text' } as const;

/** `timeline index …` */
export async function indexCommand(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  switch (command) {
    case 'build':
      return build(rest);
    case 'status':
      return status(rest);
    default:
      throw new UsageError(command === undefined ? 'index takes a command' : `unknown command "index ${command}"`, HINT);
  }
}

async function build(args: readonly string[]): Promise<void> {
  const given = parseCommand(args, COMMON, HINT);
  const [table = ''] = wordsOf(given, ['TABLE'], 'index build');
  const format = formatOf(given.text('format') ?? 'table');
  await withGateway(given, async (gateway) => {
    const { columns, rows } = await gateway.query(`CALL timeline.build_index(${quoteLiteral(table)})`);
    process.stdout.write(printRows(format, columns, rows));
  });
}

const FILES = 'table_schema, table_name, catalog, file, rows, covered, reason, columns, document_bytes, certified_at';
const SUMMARY =
  'table_schema, table_name, catalog, count(file) AS files, count(*) FILTER (WHERE covered) AS covered, sum(rows) AS rows, sum(document_bytes) AS document_bytes';

async function status(args: readonly string[]): Promise<void> {
  const given = parseCommand(args, { ...COMMON, summary: 'flag' }, HINT);
  const table = given.words.length === 0 ? undefined : wordsOf(given, ['TABLE'], 'index status')[0];
  const format = formatOf(given.text('format') ?? 'table');
  const where = table === undefined ? '' : `WHERE table_schema || '.' || table_name = $1`;
  const sql = given.flag('summary')
    ? `SELECT ${SUMMARY} FROM timeline.index_coverage ${where} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`
    : `SELECT ${FILES} FROM timeline.index_coverage ${where} ORDER BY 1, 2, 3, 4`;
  await withGateway(given, async (gateway) => {
    const { columns, rows } = await gateway.query(sql, table === undefined ? [] : [table]);
    process.stdout.write(printRows(format, columns, rows));
  });
}
