import assert from 'node:assert/strict';
import { createCommitBus } from '../../src/replay/temporal/commit-bus.js';

const figures = (rows: number) => ({ rows, bytesRead: 0, stages: [], noticed: [] });

describe('replay/commit-bus', () => {
  it('tells commits and ends to those who ask for them, until they have enough', () => {
    const bus = createCommitBus();
    const heard: string[] = [];
    const listen = (name: string) => ({
      onCommit: () => void heard.push(`${name} commit`),
      onEnd: ({ rows }: { readonly rows: number }) => void heard.push(`${name} end ${rows}`),
    });
    const stop = bus.subscribe('a', listen('first'));
    bus.subscribe('a', listen('second'));
    bus.publish('a');
    bus.publish('b');
    stop();
    bus.end('a', figures(3));
    assert.deepEqual(heard, ['first commit', 'second commit', 'second end 3']);
  });

  it('keeps an end for who asks after it, once, and not for ever', () => {
    const bus = createCommitBus();
    bus.end('early', figures(1));
    const ends: number[] = [];
    const listen = { onCommit: () => undefined, onEnd: ({ rows }: { readonly rows: number }) => void ends.push(rows) };
    bus.subscribe('early', listen)();
    bus.subscribe('early', listen)();
    assert.deepEqual(ends, [1]);
    for (let n = 0; n < 100; n++) bus.end(`other ${n}`, figures(n));
    bus.subscribe('other 0', listen);
    bus.subscribe('other 99', listen);
    assert.deepEqual(ends, [1, 99]);
  });
});
