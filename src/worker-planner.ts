import type { Config } from './config.js';
import { TimelineEngine } from './engine.js';
import type { ReplayPlanner } from './replay/replay-planner.js';

/**
 * Plans intervals of schedules in the process of a worker, which has no engine of its own: one is opened when the first plan is asked for
 * (a second or two), and stays.
 */
export function createWorkerPlanner(config: Config): ReplayPlanner & { close(): Promise<void> } {
  let opening: Promise<TimelineEngine> | undefined;
  const open = (): Promise<TimelineEngine> => {
    opening ??= TimelineEngine.open(config, [], { plansOnly: true }).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  return {
    plan: async (request, signal) => (await open()).planner.plan(request, signal),
    async close() {
      await (await opening?.catch(() => undefined))?.close();
    },
  };
}
