import { readFileSync, writeFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { TimelineError } from '../../sql/errors.js';
import { openParquet } from '../../src/kernel/parquet/parquet-file.js';
import { dice, mutate } from '../connectors/mutations.js';
import { vectorValues } from '../connectors/typed-rows.js';
import type { FileColumn } from './parquet-files.js';

/** Damages files at random and reads them whole. Tells of each case before it begins, so that one that hangs is known. */
export interface FuzzWork {
  readonly files: readonly { readonly path: string; readonly columns: readonly FileColumn[] }[];
  readonly scratch: string;
  readonly seed: number;
  readonly cases: number;
}

export type FuzzMessage =
  | { readonly kind: 'begins'; readonly what: string }
  | { readonly kind: 'fault'; readonly what: string; readonly why: string }
  | { readonly kind: 'done'; readonly outcomes: Readonly<Record<string, number>> };

const LOCATION = 'db/table/data/damaged.parquet';
const ALLOWED: ReadonlySet<string> = new Set(['XX001', '0A000', '54000']);

const { files, scratch, seed, cases } = workerData as FuzzWork;
const tell = (message: FuzzMessage): void => parentPort?.postMessage(message);
const outcomes: Record<string, number> = {};

for (const { path, columns } of files) {
  const whole = readFileSync(path);
  const roll = dice(seed);
  for (let number = 0; number < cases; number++) {
    const mutation = mutate(whole, roll, [], false);
    const what = `seed ${seed}, ${path}, case ${number}: ${mutation.what}`;
    tell({ kind: 'begins', what });
    writeFileSync(scratch, mutation.bytes);
    const outcome = await read(columns).catch((error: unknown) => {
      const known = error instanceof TimelineError && ALLOWED.has(error.sqlstate) && error.message.includes(LOCATION);
      if (!known) tell({ kind: 'fault', what, why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      return error instanceof TimelineError ? error.sqlstate : 'fault';
    });
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
}
tell({ kind: 'done', outcomes });

async function read(columns: readonly FileColumn[]): Promise<string> {
  const file = await openParquet({ path: scratch, location: LOCATION });
  let refusal: unknown;
  try {
    for (const [index, group] of file.rowGroups.entries()) {
      for (const [leaf, { type }] of columns.entries()) {
        try {
          group.bounds(leaf);
          const [vector] = file.read(index, [{ leaf, type }]);
          if (vector === undefined) throw new Error('no vector');
          vectorValues(vector, type, group.rows);
        } catch (error) {
          // The other columns may have damage of their own.
          if (!(error instanceof TimelineError) || !ALLOWED.has(error.sqlstate)) throw error;
          refusal = error;
        }
      }
    }
  } finally {
    file.close();
  }
  if (refusal !== undefined) throw refusal;
  return 'read';
}
