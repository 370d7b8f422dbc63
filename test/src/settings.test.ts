import assert from 'node:assert/strict';
import { displayed, type PostgresSetting, Settings } from '../../src/settings.js';

const postgres = new Map<string, PostgresSetting>([
  ['work_mem', { name: 'work_mem', value: '4096', type: 'integer', values: [], context: 'user' }],
  ['client_min_messages', { name: 'client_min_messages', value: 'notice', type: 'enum', values: ['notice', 'warning'], context: 'user' }],
  ['block_size', { name: 'block_size', value: '8192', type: 'integer', values: [], context: 'internal' }],
]);

function settings(reports: string[] = []): Settings {
  return new Settings({ serverVersion: '18.6', user: 'ann', postgres, onReport: (name, value) => reports.push(`${name}=${value}`) });
}

const state = (code: string) => (error: unknown) => (error as { sqlstate?: string }).sqlstate === code;

describe('settings', () => {
  it('reports only what PostgreSQL reports, and only changes', () => {
    const reports: string[] = [];
    const session = settings(reports);
    session.set('timezone', 'Europe/Paris', false);
    session.set('TimeZone', 'Europe/Paris', false);
    session.set('work_mem', '1', false);
    session.reset('TimeZone');
    assert.deepEqual(reports, ['TimeZone=Europe/Paris', 'TimeZone=UTC']);
  });

  it('undoes SET on rollback and SET LOCAL at the end of any transaction', () => {
    const session = settings();
    session.set('application_name', 'before', false);
    session.begin();
    session.set('application_name', 'inside', false);
    session.set('timeline.driver', 'local', true);
    session.end(true);
    assert.equal(session.get('application_name'), 'inside');
    assert.equal(session.get('timeline.driver'), 'auto');
    session.begin();
    session.set('application_name', 'again', false);
    session.end(false);
    assert.equal(session.get('application_name'), 'inside');
  });

  it('knows names: ours, PostgreSQL’s, dotted ones of extensions', () => {
    const session = settings();
    assert.equal(session.get('WORK_MEM'), '4096');
    session.set('my.own', 'x', false);
    assert.equal(session.get('my.own'), 'x');
    assert.throws(
      () => session.set('timeline.drivr', 'x', false),
      (error: unknown) => {
        assert.equal((error as { hint?: string }).hint, 'Perhaps you meant "timeline.driver".');
        return state('42704')(error);
      },
    );
    assert.throws(() => session.set('nope', 'x', false), state('42704'));
    assert.throws(() => session.reset('nope'), state('42704'));
  });

  it('checks values', () => {
    const session = settings();
    for (const [name, value] of [
      ['timeline.driver', 'remote'],
      ['TimeZone', 'Mars/Base'],
      ['TimeZone', '+02'],
      ['statement_timeout', '5 parsecs'],
      ['client_min_messages', 'loud'],
      ['timeline.max_bytes', 'lots'],
      ['timeline.progress', 'maybe'],
    ] as const) {
      assert.throws(() => session.set(name, value, false), state('22023'), `${name} = ${value}`);
    }
    for (const name of ['server_version', 'is_superuser', 'block_size'])
      assert.throws(() => session.set(name, 'x', false), state('55P02'), name);
    assert.throws(() => session.set('client_encoding', 'LATIN1', false), state('0A000'));
    assert.throws(() => session.set('DateStyle', 'German', false), state('0A000'));
    session.set('client_encoding', "'utf-8'", false);
    session.set('DateStyle', 'iso', false);
    session.set('timeline.max_bytes', '2MB', false);
    assert.equal(session.get('timeline.max_bytes'), '2097152');
  });

  it('shows statement_timeout with a unit', () => {
    const session = settings();
    session.set('statement_timeout', '90s', false);
    assert.equal(session.get('statement_timeout'), '90000');
    assert.deepEqual(
      [90000, 120000, 1500, 0].map((ms) => displayed('statement_timeout', String(ms))),
      ['90s', '2min', '1500ms', '0'],
    );
  });

  it('start-up values are what RESET goes back to', () => {
    const session = settings();
    session.setInitial('TimeZone', 'Asia/Tokyo');
    session.set('TimeZone', 'UTC', false);
    session.resetAll();
    assert.equal(session.get('TimeZone'), 'Asia/Tokyo');
  });
});
