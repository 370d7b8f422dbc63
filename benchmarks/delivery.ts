import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { resetPeak, usage } from './process-meter.js';
import type { TimelineSide } from './timeline-side.js';

/** Q9: eight columns of every event to a client that only counts. */
export const DELIVERY_SQL =
  'SELECT event_id, ts, session_id, device_os, cdn, event_type, buffer_duration_ms, bitrate_kbps FROM lake.events';

export interface Delivery {
  readonly format: 'text' | 'binary';
  readonly rows: number;
  readonly bytes: number;
  /** Milliseconds, of the best run. */
  readonly wall: number;
  readonly first: number;
  /** Milliseconds of the server, mean of all runs. */
  readonly cpu: number;
  readonly peak: number;
}

const run = promisify(execFile);

export async function measureDelivery(timeline: TimelineSide, runs: number): Promise<readonly Delivery[]> {
  const client = fileURLToPath(new URL('./counting-client.js', import.meta.url));
  const results: Delivery[] = [];
  for (const format of ['text', 'binary'] as const) {
    resetPeak(timeline.pid, timeline.except);
    const before = usage(timeline.pid, timeline.except).cpu;
    const answers: Pick<Delivery, 'rows' | 'bytes' | 'wall' | 'first'>[] = [];
    for (let n = 0; n < runs; n++) {
      const { stdout } = await run(process.execPath, [client, timeline.host, String(timeline.port), format, DELIVERY_SQL]);
      answers.push(JSON.parse(stdout) as (typeof answers)[number]);
    }
    const after = usage(timeline.pid, timeline.except);
    const best = answers.reduce((a, b) => (b.wall < a.wall ? b : a));
    results.push({ format, ...best, cpu: ((after.cpu - before) * 1000) / runs, peak: after.peak });
  }
  return results;
}
