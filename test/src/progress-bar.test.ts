import assert from 'node:assert/strict';
import { printRows, rowPrinter } from '../../src/commands/print-rows.js';
import { isProgress, progressBar, withBar } from '../../src/commands/progress-bar.js';
import { progressLine } from '../../src/replay-progress.js';

const line = (tasksDone: number): string =>
  progressLine({ stage: 1, stages: 2, tasksDone, tasks: 300, rows: 1200, bytesRead: 5e6, secondsLeft: 12 });

describe('progress bar', () => {
  it('knows lines of progress, and their share', () => {
    assert.equal(isProgress(line(75)), true);
    const intervals = progressLine(
      { stage: 1, stages: 1, tasksDone: 6, tasks: 24, rows: 1, bytesRead: 0, secondsLeft: undefined },
      'interval',
    );
    assert.equal(isProgress(intervals), true);
    assert.match(withBar(intervals), /^\[#{6}\.{18}\] {2}25% {2}6 of 24 intervals/);
    assert.equal(isProgress('table "x" does not exist, skipping'), false);
    assert.equal(withBar(line(75)), `[######..................]  25%  ${line(75)}`);
    assert.match(withBar(line(300)), /^\[#{24}\] 100%/);
    assert.match(withBar(line(0)), /^\[\.{24}\] {3}0%/);
    assert.equal(withBar('no tasks yet'), 'no tasks yet');
    assert.equal(withBar('0 of 0 tasks, 0 rows, 0 bytes read'), '0 of 0 tasks, 0 rows, 0 bytes read');
  });

  it('rewrites one line of a terminal, never a longer one', () => {
    const written: string[] = [];
    const bar = progressBar({ write: (text) => written.push(text), isTTY: true, columns: 60 }, { plain: true });
    bar.show(line(1));
    bar.show('\x1b[31mred\nand more');
    bar.clear();
    bar.clear();
    assert.equal(written.length, 3);
    for (const text of written.slice(0, 2)) {
      assert.ok(text.startsWith('\r\x1b[K'));
      assert.ok(text.length - 4 < 60, text);
      assert.doesNotMatch(text.slice(4), /[^\x20-\x7e]/);
    }
    assert.equal(written[2], '\r\x1b[K');
  });

  it('writes plain lines every few seconds elsewhere, or nothing', () => {
    let now = 0;
    const written: string[] = [];
    const out = { write: (text: string) => written.push(text) };
    const bar = progressBar(out, { plain: true, now: () => now });
    for (const at of [0, 1000, 4999, 5000, 9000, 12_000]) {
      now = at;
      bar.show(String(at));
    }
    bar.clear();
    assert.deepEqual(written, ['0\n', '5000\n', '12000\n']);
    progressBar(out, { plain: false }).show('quiet');
    assert.equal(written.length, 3);
  });
});

describe('printed rows', () => {
  it('come in parts as they would at once', () => {
    const names = ['a', 'b'];
    const rows = [
      ['1', null],
      ['two, "2"', ''],
    ];
    for (const format of ['table', 'csv', 'json'] as const) {
      const printer = rowPrinter(format, names);
      const parts = printer.rows(rows.slice(0, 1)) + printer.rows(rows.slice(1)) + printer.end();
      assert.equal(parts, printRows(format, names, rows));
    }
    assert.equal(printRows('csv', names, rows), 'a,b\n1,\n"two, ""2""",""\n');
    assert.equal(printRows('csv', names, []), 'a,b\n');
    assert.equal(printRows('json', names, rows), '{"a":"1","b":null}\n{"a":"two, \\"2\\"","b":""}\n');
    assert.equal(printRows('table', names, []), ' a | b\n---+---\n(0 rows)\n');
  });
});
