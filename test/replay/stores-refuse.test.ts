import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { TimelineError } from '../../sql/errors.js';
import { buildConfig } from '../../src/config-file.js';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { tempFolder } from '../support/temp-folder.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { resultPlan } from './result-plan.js';
import { ListedResults, openSubmittedRuns, type SubmittedRuns } from './submitted-runs.js';

const FAULTS: readonly Fault[] = [{ kind: 'answer', status: 503 }, { kind: 'reset' }, { kind: 'lost' }, { kind: 'cut', after: 10 }];

/** In every run each request has one of the faults. */
const FULL = process.env['TIMELINE_TEST_FULL'] !== undefined;

describe('stores that refuse', function () {
  this.timeout(120_000);

  describe('a bucket, at the end of a replay', () => {
    let s3: S3Server | undefined;
    let proxy: FaultProxy;
    let home: Awaited<ReturnType<typeof tempFolder>>;
    let runs: SubmittedRuns;
    let listed: ListedResults;

    before(async function () {
      const program = findVersitygw();
      if (program === undefined) return this.skip();
      s3 = await startVersitygw(program);
      proxy = await startFaultProxy(s3.options.endpoint ?? '');
      home = await tempFolder('stores-refuse');
      const location = `s3://${s3.bucket}/stages`;
      const config = buildConfig(
        { temporal: 'off', home: home.path, stages: { location } },
        { env: {}, cwd: home.path, folder: home.path },
      );
      // Who tries again is the activity, so that each fault is seen.
      const settings = { ...s3.options, endpoint: proxy.endpoint, attempts: 1 };
      runs = await openSubmittedRuns({ ...config, stages: { location, s3: settings } });
      listed = new ListedResults({ ...runs.parts, files: runs.parts.results, retention: undefined });
    });
    after(async () => {
      await runs?.close();
      await proxy?.close();
      await s3?.close();
      await home?.remove();
    });

    it('names itself, and comes to a whole result when it is back', async () => {
      const bucket = s3?.bucket ?? '';
      const signal = new AbortController().signal;
      let refused = 0;
      for (const [n, fault] of FAULTS.entries()) {
        for (let at = FULL ? 0 : n, done = false; !done; at += FULL ? 1 : FAULTS.length) {
          const id = `replay-${fault.kind}-${at}`;
          await runs.run(resultPlan(), id);
          let requests = 0;
          const before = proxy.fired.length;
          let armed = true;
          proxy.once(fault, () => armed && requests++ === at);
          try {
            await runs.end(id, 0);
          } catch (error) {
            assert.ok(error instanceof TimelineError, String(error));
            assert.equal(error.sqlstate, '58030', error.message);
            assert.ok(error.message.includes(`s3://${bucket}/stages`), error.message);
            refused++;
          }
          done = proxy.fired.length === before;
          armed = false;
          const end = await runs.end(id, 0);
          assert.ok(end.place?.kind === 'file' && end.rows === 40, `${fault.kind} ${at}`);
          const file = join(s3?.folder ?? '', 'stages', 'results', `${id}.parquet`);
          assert.equal(statSync(file).size, end.place.bytes);
          const { handle } = await listed.pin({ schema: 'timeline_results', table: id });
          const { splits } = await listed.splits(handle, signal);
          assert.deepEqual(
            splits.map(({ rows, bytes }) => [rows, bytes]),
            [[40, end.place.bytes]],
          );
        }
      }
      assert.ok(refused >= 2 * FAULTS.length, `${refused} times refused`);
    });
  });

  describe('a folder', () => {
    let folder: Awaited<ReturnType<typeof tempFolder>>;
    let mounted = false;

    before(async function () {
      folder = await tempFolder('stores-refuse-folder');
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder.path], { stdio: 'ignore' });
        mounted = true;
      } catch {
        // Only root may mount.
        this.skip();
      }
    });
    after(async () => {
      if (mounted) execFileSync('umount', ['-l', folder.path]);
      await folder?.remove();
    });

    it('that is full, or read-only, is named; nothing half-written is left', async () => {
      const files = createFolderFiles(join(folder.path, 'stages'));
      const named = (sqlstate: string) => (error: unknown) =>
        error instanceof TimelineError && error.sqlstate === sqlstate && error.message.includes(folder.path);
      assert.equal(await files.putIfAbsent('registry/a.end.json', Buffer.alloc(1000)), true);
      await assert.rejects(files.putIfAbsent('registry/b.end.json', Buffer.alloc(100_000)), named('53100'));
      await assert.rejects(files.putIfAbsent('q/0/0.manifest.json', Buffer.alloc(100_000)), named('53100'));
      assert.equal(await files.read('registry/b.end.json'), undefined);
      assert.deepEqual(readdirSync(join(folder.path, 'stages'), { recursive: true }).sort(), ['registry', 'registry/a.end.json']);
      execFileSync('mount', ['-o', 'remount,ro', folder.path]);
      await assert.rejects(files.putIfAbsent('registry/c.end.json', Buffer.alloc(1)), named('42501'));
      await assert.rejects(files.remove('registry/a.end.json'), named('42501'));
      assert.equal((await files.read('registry/a.end.json'))?.length, 1000);
    });
  });
});
