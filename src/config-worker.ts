import type { WorkerConfig } from './config.js';
import { configError, type Reader } from './config-reader.js';

const SLOTS_MOST = 1000;

/** Section `worker`; TIMELINE_WORKER_SLOTS and TIMELINE_WORKER_BULK_SLOTS win over it. */
export function readWorker(root: Reader, env: Readonly<Record<string, string | undefined>>): WorkerConfig {
  const section = root.section('worker', ['slots', 'bulk_slots']);
  const slots = (key: string, fallback: number): number =>
    slotCount(env[`TIMELINE_WORKER_${key.toUpperCase()}`] ?? section.value(key) ?? fallback, `worker.${key}`);
  return { slots: slots('slots', 4), bulkSlots: slots('bulk_slots', 2) };
}

/** A whole number up to 1000; 0: none. */
function slotCount(value: unknown, path: string): number {
  const count = typeof value === 'number' ? value : /^\d{1,4}$/.test(String(value)) ? Number(value) : Number.NaN;
  if (!Number.isInteger(count) || count < 0 || count > SLOTS_MOST) throw configError(`${path}: must be a number from 0 to ${SLOTS_MOST}`);
  return count;
}
