import assert from 'node:assert/strict';
import { printQuery } from '../../connectors/victorialogs/logsql/print.js';
import { requireRawFilter } from '../../connectors/victorialogs/logsql/raw-filter.js';
import type { LogsFilter } from '../../connectors/victorialogs/logsql/syntax.js';
import { TimelineError } from '../../sql/errors.js';
import { cases } from '../support/cases.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';
import { Random } from '../timeline/random.js';
import { hostileText } from './hostile-texts.js';

function refusal(text: string): TimelineError | undefined {
  try {
    requireRawFilter(text);
    return undefined;
  } catch (error) {
    if (error instanceof TimelineError && (error.sqlstate === '42601' || error.sqlstate === '54000')) return error;
    throw error;
  }
}

describe("A user's own LogsQL filter", function () {
  this.timeout(600_000);
  const taken = [
    'error',
    '*',
    'level:error -user:"a|b"',
    'level:=error or (user:in("a", \'b)\', `c"`) and not _msg:~"x|y")',
    '_time:[2025-03-01T00:00:00Z, 2025-03-02T00:00:00Z) n:range(1, 5]',
    '{app="x", env=~"a|b"} error',
    'user:in(level:error | fields user)',
    '"\\u00e9\\x41\\n\\"" \'it\\\'s\' `\\`',
    'don:"x" "fields"',
  ];
  for (const text of taken) it(`takes ${text}`, () => assert.equal(refusal(text), undefined));

  const refused: readonly (readonly [text: string, position: number, why: RegExp])[] = [
    ['', 1, /empty/],
    [' \n', 1, /empty/],
    ['error | delete x', 7, /pipe/],
    ['a) or (*', 2, /closes nothing/],
    ['a) | stats count() (', 2, /closes nothing/],
    ['(a', 1, /not closed/],
    ['é [a', 3, /not closed/],
    ['(a}', 3, /closes nothing/],
    ['{a="x") or (*}', 7, /closes nothing/],
    ['error # the rest', 7, /comment/],
    ['a #\n b', 3, /comment/],
    ['level:"error', 7, /string/],
    ["don't", 4, /string/],
    ['"a\\q"', 1, /string/],
    ['"\\ud800"', 1, /string/],
    ['"a\nb"', 1, /string/],
    ['"\\\'"', 1, /string/],
    ['fields a', 1, /begin/],
    [' LIMIT 5', 2, /begin/],
    ['options(concurrency=1) *', 1, /begin/],
    [`${'('.repeat(101)}a${')'.repeat(101)}`, 101, /nested/],
  ];
  for (const [text, position, why] of refused) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      const error = refusal(text);
      assert.match(error?.message ?? '', why);
      assert.equal(error?.position, position);
    });
  }
  it('refuses what is too long', () => assert.equal(refusal('a'.repeat(70_000))?.sqlstate, '54000'));

  describe('on the real server', () => {
    let server: LogsServer;

    before(async function () {
      const started = await startVictoriaLogs();
      if (started === undefined) return this.skip();
      server = started;
      const documents = Array.from({ length: 20 }, (_, id) => ({
        _time: '2025-03-01T10:00:00Z',
        _msg: 'word x',
        side: id < 10 ? 'in' : 'out',
        id: String(id),
      }));
      await server.insert(documents, ['side']);
    });
    after(() => server?.close());

    it('never gets out of its parentheses', async () => {
      const random = new Random(3);
      const scope: LogsFilter = { kind: 'equals', field: 'side', value: 'in' };
      let [tried, rejected, useful] = [0, 0, 0];
      const count = cases('LOGS_RAW', { usual: 1500, full: 10_000 });
      for (let n = 0; n < count; n += 8) {
        await Promise.all(
          Array.from({ length: 8 }, async () => {
            const text = hostileText(random);
            if (refusal(text) !== undefined) return;
            tried++;
            // On either side of the filter, and under a NOT, where a hole would let everything through.
            for (const args of [
              [scope, { kind: 'raw', text }],
              [{ kind: 'raw', text }, scope],
            ] as LogsFilter[][]) {
              const query = printQuery({ filter: { kind: 'and', args }, pipes: [{ kind: 'fields', fields: ['side', 'id'] }] });
              const rows = await server.query(query).catch((error: Error) => {
                assert.match(error.message, /answers 400/, query);
                return undefined;
              });
              if (rows === undefined) rejected++;
              else if (rows.length > 0) useful++;
              for (const row of rows ?? []) assert.deepEqual([row['side'], Object.keys(row).length], ['in', 2], query);
            }
          }),
        );
      }
      assert.ok(tried > count / 20 && useful > 10, JSON.stringify({ count, tried, rejected, useful }));
    });
  });
});
