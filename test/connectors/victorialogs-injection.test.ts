import assert from 'node:assert/strict';
import type { TablePredicate } from '../../connectors/connector.js';
import { encodeValue, type LogsColumn } from '../../connectors/victorialogs/encoding.js';
import { canFilter, canName, printQuery } from '../../connectors/victorialogs/logsql/print.js';
import type { LogsFilter } from '../../connectors/victorialogs/logsql/syntax.js';
import { translate } from '../../connectors/victorialogs/pushdown/translate.js';
import { Oid, type } from '../../sql/types.js';
import { cases } from '../support/cases.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';
import { Random } from '../timeline/random.js';
import { hostileTexts } from './hostile-texts.js';

const TEXT = type(Oid.text);
const BOOL = type(Oid.bool);
const PARALLEL = 8;

function call(fn: string, column: string, value: string): TablePredicate {
  return {
    kind: 'call',
    fn,
    args: [
      { kind: 'table_column', name: column, type: TEXT },
      { kind: 'constant', type: TEXT, value },
    ],
    type: BOOL,
    volatility: 'immutable',
  };
}

describe('Hostile values and names in LogsQL', function () {
  this.timeout(1_200_000);
  let server: LogsServer;

  before(async function () {
    const started = await startVictoriaLogs();
    if (started === undefined) return this.skip();
    server = started;
  });

  after(() => server?.close());

  async function ids(filter: LogsFilter): Promise<number[]> {
    const rows = await server.query(printQuery({ filter, pipes: [{ kind: 'fields', fields: ['id'] }] }));
    return rows.map(({ id }) => Number(id)).sort((a, b) => a - b);
  }

  async function each<T>(items: readonly T[], work: (item: T, at: number) => Promise<void>): Promise<void> {
    for (let at = 0; at < items.length; at += PARALLEL) {
      await Promise.all(items.slice(at, at + PARALLEL).map((item, offset) => work(item, at + offset)));
    }
  }

  it('a value is found by itself, and finds nothing else', async () => {
    const values = hostileTexts(new Random(1), cases('LOGS_INJECTION', { usual: 500, full: 5000 }), 4000);
    await server.insert(
      values.map((value, id) => ({
        _time: '2025-03-01T10:00:00Z',
        _msg: '-',
        kind: 'value',
        id: String(id),
        own: encodeValue(TEXT, value),
        raw: value,
      })),
      ['kind'],
    );
    const columnOf = (name: string): LogsColumn => ({ field: name, type: TEXT, encoding: name === 'own' ? 'own' : 'foreign' });
    const own = (predicate: TablePredicate): LogsFilter => {
      const translated = translate(predicate, columnOf);
      assert.equal(translated?.verdict, 'exact');
      return translated.filter;
    };
    const where = (test: (value: string) => boolean): number[] => values.flatMap((value, id) => (test(value) ? [id] : []));
    await each(values, async (value, id) => {
      const shown = JSON.stringify(value);
      assert.deepEqual(await ids(own(call('texteq(text,text)', 'own', value))), [id], `= ${shown}`);
      const piece = [...value].slice(0, 4).join('');
      const like = `%${piece.replace(/[\\%_]/g, '\\$&')}%`;
      switch (id % 5) {
        case 0:
          assert.deepEqual(
            await ids(own(call('textlike(text,text)', 'own', like))),
            where((other) => other.includes(piece)),
            `LIKE ${shown}`,
          );
          break;
        case 1:
          assert.deepEqual(
            await ids(own(call('starts_with(text,text)', 'own', piece))),
            where((other) => other.startsWith(piece)),
            `prefix ${shown}`,
          );
          break;
        case 2: {
          const bytes = Buffer.from(value);
          assert.deepEqual(
            await ids(own(call('text_lt(text,text)', 'own', value))),
            where((other) => Buffer.compare(Buffer.from(other), bytes) < 0),
            `< ${shown}`,
          );
          break;
        }
        case 3: {
          const list: LogsFilter = { kind: 'in', field: 'own', values: [`~${value}`, '~no such thing'] };
          assert.deepEqual(await ids(list), [id], `IN ${shown}`);
          break;
        }
        default: {
          // Any filter on raw texts: only those that the store may have changed are found by others than themselves.
          const found = await ids({ kind: 'equals', field: 'raw', value });
          assert.ok(found.includes(id), `raw = ${shown}`);
          assert.ok(found.length === 1 || /^[\s\d.+-]/.test(value), `raw = ${shown} finds ${found.length}`);
        }
      }
    });
  });

  it('a name is that of its field only, in filters and in pipes', async () => {
    const names = hostileTexts(new Random(2), cases('LOGS_INJECTION', { usual: 500, full: 5000 }), 120).filter(
      (name) => !['_time', '_msg', '_stream', '_stream_id', 'id', 'group', ''].includes(name),
    );
    // The store loses rows where a stream has too many names.
    const group = (at: number): string => String(Math.floor(at / 100));
    await server.insert(
      names.map((name, id) => ({ _time: '2025-03-01T10:00:00Z', _msg: '-', group: group(id), id: String(id), [name]: `~v${id}` })),
      ['group'],
    );
    let refused = 0;
    await each(names, async (name, id) => {
      const shown = JSON.stringify(name);
      const column: LogsColumn = { field: name, type: TEXT, encoding: 'own' };
      const translated = translate(call('texteq(text,text)', 'c', `v${id}`), () => column);
      if (!canFilter(name)) {
        refused++;
        assert.equal(translated, undefined, shown);
        assert.throws(() => printQuery({ filter: { kind: 'present', field: name }, pipes: [] }), shown);
        return;
      }
      assert.deepEqual(await ids(translated!.filter), [id], `${shown} = v`);
      assert.deepEqual(await ids({ kind: 'present', field: name }), [id], `${shown} there`);
      assert.equal(canName(name), true);
      const one: LogsFilter = {
        kind: 'and',
        args: [
          { kind: 'equals', field: 'group', value: group(id) },
          { kind: 'present', field: name },
        ],
      };
      const shownAs = await server.query(printQuery({ filter: one, pipes: [{ kind: 'fields', fields: [name] }] }));
      assert.deepEqual(shownAs, [{ [name]: `~v${id}` }], `fields ${shown}`);
      const grouped = await server.query(
        printQuery({
          filter: one,
          pipes: [
            {
              kind: 'stats',
              by: [{ kind: 'field', field: name }],
              calls: [
                { fn: 'count', as: 'n of it' },
                { fn: 'max', field: name, as: `${name}?` },
              ],
            },
          ],
        }),
      );
      assert.deepEqual(grouped, [{ [name]: `~v${id}`, 'n of it': '1', [`${name}?`]: `~v${id}` }], `by ${shown}`);
      const sorted = await server.query(
        printQuery({
          filter: one,
          pipes: [
            { kind: 'sort', by: [{ field: name, descending: true }], limit: 5 },
            { kind: 'uniq', fields: [name] },
          ],
        }),
      );
      assert.deepEqual(sorted, [{ [name]: `~v${id}` }], `sort by ${shown}`);
    });
    assert.ok(refused > 0 && refused < names.length / 5, `${refused} of ${names.length} names refused`);
  });
});
