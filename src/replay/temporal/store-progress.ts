import { setTimeout as sleep } from 'node:timers/promises';
import type { PhysicalPlan } from '../../../planner/physical-plan.js';
import type { RunProgress } from '../driver.js';
import type { StageStore } from '../stage-store.js';

const INTERVAL = 500;

/** Tells a run's progress as the stage store shows it, until the run has ended. A store that does not answer is asked again. */
export async function watchProgress(options: {
  readonly store: StageStore;
  readonly plan: PhysicalPlan;
  readonly query: string;
  readonly onProgress: (progress: RunProgress) => void;
  readonly ended: Promise<unknown>;
}): Promise<void> {
  const { store, plan, query } = options;
  const tasks = plan.stages.reduce((sum, stage) => sum + stage.tasks.length, 0);
  const last = plan.stages.at(-1)?.id;
  const seen = new Map<string, { readonly rows: number; readonly bytes: number }>();
  let over = false;
  const end = options.ended.then(
    () => {
      over = true;
    },
    () => {
      over = true;
    },
  );
  while (!over) {
    await Promise.race([end, sleep(INTERVAL, undefined, { ref: false })]);
    if (over) return;
    const before = seen.size;
    let stageNow = plan.stages[0]?.id ?? 0;
    try {
      for (const [stage, done] of await store.committed(query)) {
        stageNow = Math.max(stageNow, stage);
        for (const task of done) {
          const key = `${stage}.${task}`;
          const manifest = seen.has(key) ? undefined : await store.manifest(query, stage, task);
          if (manifest !== undefined) seen.set(key, { rows: stage === last ? manifest.rows : 0, bytes: manifest.bytesRead });
        }
      }
    } catch {
      continue;
    }
    if (over || seen.size === before) continue;
    let rows = 0;
    let bytesRead = 0;
    for (const one of seen.values()) {
      rows += one.rows;
      bytesRead += one.bytes;
    }
    options.onProgress({ stage: stageNow, tasksDone: seen.size, tasks, rows, bytesRead });
  }
}
