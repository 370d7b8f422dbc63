import { join } from 'node:path';
import { createInstance, type EngineInstance, type InstanceOptions, type InstanceSettings } from './duckdb-instance.js';

/**
 * The DuckDB instances of one kernel thread. Time zone, memory limit and readable folders are locked in an instance, so there is one
 * for each combination that tasks ask for; the longest unused one goes. One without settings is made in advance.
 */
export interface InstanceCache {
  take(settings: InstanceSettings): Promise<HeldInstance>;
  /** Makes the next instance before it is wanted. */
  warm(): Promise<void>;
  close(): Promise<void>;
}

export interface HeldInstance {
  readonly instance: EngineInstance;
  /** Keeps it for the next task with these settings. */
  giveBack(): Promise<void>;
  /** For an instance that has seen an error, an interrupt or too little memory. */
  throwAway(): Promise<void>;
}

const KEPT = 4;
/** Footers of stage files stay in an instance's cache, which nothing else bounds. */
const MOST_TASKS = 500;

export function createInstanceCache(options: InstanceOptions): InstanceCache {
  const idle = new Map<string, { readonly instance: EngineInstance; readonly tasks: number }>();
  let made = 0;
  let closed = false;
  let blank: Promise<EngineInstance> | undefined;

  function nextBlank(): Promise<EngineInstance> {
    if (blank === undefined) {
      const making = createInstance({ ...options, tempFolder: join(options.tempFolder, String(made++)) });
      blank = making;
      // A failure to make it shows where it is wanted; the next task tries again.
      making.catch(() => {
        if (blank === making) blank = undefined;
      });
    }
    return blank;
  }

  async function prepared(settings: InstanceSettings): Promise<EngineInstance> {
    const making = nextBlank();
    blank = undefined;
    const instance = await making;
    try {
      await instance.prepare(settings);
      return instance;
    } catch (error) {
      await discard(instance);
      throw error;
    }
  }

  async function discard(instance: EngineInstance): Promise<void> {
    await instance.close().catch(() => undefined);
  }

  return {
    async take(settings) {
      const key = JSON.stringify([settings.timeZone, settings.memoryLimit, [...new Set(settings.folders)].sort()]);
      const known = idle.get(key);
      idle.delete(key);
      const instance = known?.instance ?? (await prepared(settings));
      const tasks = (known?.tasks ?? 0) + 1;
      return {
        instance,
        async giveBack() {
          try {
            await instance.clear();
          } catch {
            return discard(instance);
          }
          if (closed || tasks >= MOST_TASKS || idle.has(key)) return discard(instance);
          idle.set(key, { instance, tasks });
          const [oldest] = idle;
          if (idle.size > KEPT && oldest !== undefined) {
            idle.delete(oldest[0]);
            await discard(oldest[1].instance);
          }
        },
        throwAway: () => discard(instance),
      };
    },
    async warm() {
      if (!closed) await nextBlank().catch(() => undefined);
    },
    async close() {
      closed = true;
      const instances = [...idle.values()].map(({ instance }) => instance);
      idle.clear();
      const last = await blank?.catch(() => undefined);
      blank = undefined;
      await Promise.all([...instances, ...(last === undefined ? [] : [last])].map(discard));
    },
  };
}
