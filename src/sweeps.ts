import type { Config } from './config.js';
import { sweepHome } from './home-sweep.js';
import { log } from './telemetry/log.js';

/** How often processes look for what others have left behind. */
export const SWEEP_MS = 3_600_000;
/** What a crash left behind is removed when it is a day old. */
export const LEFTOVERS_MOST_MS = 24 * 3_600_000;

/** Removes what dead processes have left in the home folder, now and every hour, until the timer is cleared. */
export function startHomeSweeps({ home, replays: { results } }: Config): NodeJS.Timeout {
  const folder = results.startsWith('file://') ? results.slice('file://'.length) : undefined;
  const sweep = (): Promise<unknown> => sweepHome({ home, results: folder, age: LEFTOVERS_MOST_MS });
  const timer = every(SWEEP_MS, 'removal of leftovers', sweep);
  attempt('removal of leftovers', sweep);
  return timer;
}

export function every(ms: number, what: string, work: () => Promise<unknown>): NodeJS.Timeout {
  return setInterval(() => attempt(what, work), ms).unref();
}

/** Once, a little after the start: a gateway that is often started anew sweeps nevertheless. */
export function soon(what: string, work: () => Promise<unknown>): NodeJS.Timeout {
  return setTimeout(() => attempt(what, work), SOON_MS).unref();
}

const SOON_MS = 60_000;

function attempt(what: string, work: () => Promise<unknown>): void {
  work().catch((error: unknown) => log('warn', `${what} failed: ${String(error)}`));
}
