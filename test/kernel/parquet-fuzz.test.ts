import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { after, describe, it } from 'mocha';
import { arrowFiles, duckdbFiles } from './parquet-files.js';
import type { FuzzMessage, FuzzWork } from './parquet-fuzz-worker.js';

const WORKER = join(fileURLToPath(import.meta.url), '..', 'parquet-fuzz-worker.js');
/** Of each file. */
const CASES = Number(process.env['TIMELINE_FUZZ_CASES'] ?? 15);
const SEED = Number(process.env['TIMELINE_FUZZ_SEED'] ?? 1);
/** A case that takes longer hangs. */
const SILENCE_MS = 60_000;

/** Any damage to any byte: rows (of which nobody can tell that they are wrong), or an error that names the file. */
describe('Parquet files that are damaged at random', function () {
  this.timeout(0);
  const folder = mkdtempSync(join(tmpdir(), 'timeline-typed-fuzz-'));
  after(() => rmSync(folder, { recursive: true }));

  it('are refused with their names, or read', async () => {
    const files = [...(await duckdbFiles(folder, 700)), ...((await arrowFiles(folder, SEED, 12)) ?? [])];
    const outcomes = await run({ files, scratch: join(folder, 'damaged.parquet'), seed: SEED, cases: CASES });
    // Not vacuous: damage is seen, and not in the footer alone.
    assert.ok((outcomes['XX001'] ?? 0) > files.length && (outcomes['read'] ?? 0) > files.length, JSON.stringify(outcomes));
  });
});

function run(work: FuzzWork): Promise<Readonly<Record<string, number>>> {
  const worker = new Worker(WORKER, { workerData: work });
  let last = 'nothing yet';
  let silence: NodeJS.Timeout | undefined;
  const faults: string[] = [];
  const outcomes = new Promise<Readonly<Record<string, number>>>((resolve, reject) => {
    const watch = (): void => {
      clearTimeout(silence);
      silence = setTimeout(() => reject(new Error(`hangs: ${last}`)), SILENCE_MS);
    };
    watch();
    worker.on('error', (error) => reject(new Error(`${last}: ${error.stack ?? error.message}`)));
    worker.on('exit', () => reject(new Error(`the worker ended: ${last}`)));
    worker.on('message', (message: FuzzMessage) => {
      watch();
      if (message.kind === 'begins') last = message.what;
      else if (message.kind === 'fault') faults.push(`${message.what}\n${message.why}`);
      else resolve(message.outcomes);
    });
  });
  return outcomes
    .then((found) => {
      assert.deepEqual(faults, []);
      return found;
    })
    .finally(async () => {
      clearTimeout(silence);
      await worker.terminate();
    });
}
