import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RowRuns } from '../../connectors/connector.js';
import { explainText } from '../../planner/explain.js';
import { keyColumns } from '../../planner/index-remark.js';
import { planQuery } from '../../planner/plan-query.js';
import { CatalogueNames } from '../../sql/catalogue-names.js';
import { asTimelineError } from '../../sql/errors.js';
import { readQuery } from '../../sql/node-tree.js';
import { loadParser, parseOne } from '../../sql/parse.js';
import { EmbeddedPostgres } from '../../sql/postgres.js';
import { rewriteTimelineCalls } from '../../sql/timeline-call.js';
import { Oid, type } from '../../sql/types.js';
import { imagePath } from '../../src/paths.js';
import { FakeIndex } from '../planner/fake-index.js';
import { describe_, type TestTable, testContext } from '../planner/support.js';

const TEXT = type(Oid.text);
const BIGINT = type(Oid.int8);
const TIMESTAMPTZ = type(Oid.timestamptz);

/**
 * `lake.events` is large and partitioned by day and by session; `lake.cdns` is small. What their connector answers:
 * exact for cdn (a partition column), inexact for ts and session_id (statistics), nothing for the rest.
 */
const TABLES: Readonly<Record<string, TestTable>> = {
  events: {
    columns: [
      ['event_id', type(Oid.uuid)],
      ['ts', TIMESTAMPTZ],
      ['session_id', TEXT],
      ['cdn', TEXT],
      ['event_type', TEXT],
      ['device_os', TEXT],
      ['buffer_duration_ms', BIGINT],
      ['bitrate_kbps', type(Oid.int4)],
      ['attributes', type(Oid.jsonb)],
    ],
    answers: { cdn: 'exact', ts: 'inexact', session_id: 'inexact' },
    paths: ['attributes'],
    splits: Array.from({ length: 8 }, () => ({ bytes: 20 * 2 ** 20, rows: 100_000 })),
  },
  log: {
    columns: [
      ['stream_id', TEXT],
      ['version', BIGINT],
      ['event_time', TIMESTAMPTZ],
      ['event_id', TEXT],
      ['event_type', TEXT],
      ['payload', TEXT],
    ],
    answers: { stream_id: 'inexact', event_time: 'inexact' },
    splits: Array.from({ length: 4 }, () => ({ bytes: 20 * 2 ** 20, rows: 1000 })),
  },
  days: {
    columns: [
      ['ts', TIMESTAMPTZ],
      ['session_id', TEXT],
      ['state', TEXT],
    ],
    answers: { ts: 'inexact' },
    splits: Array.from({ length: 8 }, () => ({ bytes: 20 * 2 ** 20, rows: 100_000 })),
    known: true,
  },
  cdns: {
    columns: [
      ['cdn', TEXT],
      ['owner', TEXT],
      ['price', type(Oid.numeric, (10 << 16) + 2 + 4)],
    ],
    splits: [{ bytes: 2000, rows: 20 }],
  },
  logs: {
    columns: [
      ['_time', TIMESTAMPTZ],
      ['level', TEXT],
      ['host', TEXT],
      ['status', type(Oid.int4)],
      ['bytes', BIGINT],
      ['price', type(Oid.float8)],
    ],
    answers: { _time: 'exact', level: 'exact', status: 'exact', host: 'inexact' },
    aggregated: ['_time', 'level', 'status', 'bytes'],
    splits: Array.from({ length: 4 }, () => ({ bytes: 20 * 2 ** 20, rows: 100_000 })),
  },
  visits: {
    columns: [
      ['user_id', TEXT],
      ['device', TEXT],
      ['n', BIGINT],
      ['ts', TIMESTAMPTZ],
    ],
    answers: { user_id: 'inexact', ts: 'inexact' },
    splits: Array.from({ length: 6 }, () => ({ bytes: 40 * 2 ** 20, rows: 100 })),
  },
  hits: {
    columns: [
      ['user_id', TEXT],
      ['device', TEXT],
    ],
    splits: Array.from({ length: 6 }, () => ({ bytes: 40 * 2 ** 20, rows: 100 })),
    scattered: ['user_id'],
  },
  sessions: {
    columns: [
      ['session_id', TEXT],
      ['user_id', TEXT],
    ],
    splits: Array.from({ length: 4 }, () => ({ bytes: 20 * 2 ** 20, rows: 50_000 })),
  },
};

/** Of table visits: it knows users, and not the last file. */
const INDEX = new FakeIndex('visits', ({ filters, files }) => {
  if (!keyColumns(filters).includes('user_id')) return { kind: 'scan', reason: '60 of 100 rows may pass: reading all of them is faster' };
  const found: RowRuns = [
    [7, 1],
    [9, 2],
  ];
  return {
    kind: 'narrowed',
    only: new Map(files.slice(0, -1).map(({ path }, n) => [path, n === 1 ? found : []])),
    hits: 3,
    form: 'positions',
    used: 'user_id',
    uncovered: `1 of ${files.length} files: not indexed yet`,
    unbuilt: 1,
  };
});

/**
 * A golden file holds cases, parted by lines of `====`; a case is SQL, a line of `----`, and what EXPLAIN shows of it
 * (or its error). UPDATE_GOLDENS=1 writes them anew.
 */
describe('plan goldens', () => {
  const folder = join(projectRoot(), 'test', 'plans');
  let postgres: EmbeddedPostgres;
  let names: CatalogueNames;

  before(async () => {
    await loadParser();
    postgres = await EmbeddedPostgres.open({ imagePath: imagePath() });
    await postgres.setMirror(Object.entries(TABLES).map(([name, table]) => describe_(name, table)));
    names = await CatalogueNames.load(postgres);
  });

  after(async () => {
    await postgres?.close();
  });

  for (const file of readdirSync(folder)
    .filter((name) => name.endsWith('.plan'))
    .sort()) {
    it(file, async () => {
      const path = join(folder, file);
      const before = readFileSync(path, 'utf8');
      const cases: string[] = [];
      for (const text of before.split(/^====\n/m)) {
        const sql = (text.split(/^----\n/m)[0] ?? '').trim();
        cases.push(`${sql}\n----\n${(await explained(sql)).join('\n')}\n`);
      }
      const after = cases.join('====\n');
      if (process.env['UPDATE_GOLDENS'] === '1') writeFileSync(path, after);
      else assert.equal(after, before);
    });
  }

  async function explained(sql: string): Promise<readonly string[]> {
    const session = { user: 'test', database: 'timeline', searchPath: ['lake', 'public'], timeZone: 'UTC', settings: {} };
    try {
      const { text } = rewriteTimelineCalls(sql, parseOne(sql)?.statement, (_, name) => {
        const table = TABLES[name];
        return table === undefined ? undefined : { columns: describe_(name, table).columns, properties: {} };
      });
      const tree = await postgres.analyse(text, [], session);
      const context = testContext(TABLES, {
        evaluate: (exprs) => postgres.evaluate(exprs, session),
        taskTargets: { splitsPerTask: 2, smallBytes: 64 * 2 ** 20, partitions: 2, broadcastBytes: 2 ** 20 },
        indexOf: INDEX.of,
      });
      return explainText(await planQuery({ query: readQuery(tree, names), parameters: [], context }));
    } catch (thrown) {
      const error = asTimelineError(thrown);
      if (error.sqlstate === 'XX000') throw thrown;
      return [`ERROR ${error.sqlstate}: ${error.message}`];
    }
  }
});

function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
