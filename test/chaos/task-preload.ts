import { appendFileSync, readFileSync, unlinkSync } from 'node:fs';
import { register } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * For `node --import`: real `timeline serve` and `timeline worker` processes then write into the folder TIMELINE_TASK_HOOKS what their tasks
 * do (`tasks.log`), take longer for each by `delay` milliseconds, and stop for ever where `hold` says (`files * 17`: after the files of task
 * 17 of any stage were put, before its manifest is).
 */
export type TaskMoment = 'asked' | 'start' | 'files';

const folder = process.env['TIMELINE_TASK_HOOKS'];

function control(name: string): string {
  try {
    return readFileSync(join(folder ?? '', name), 'utf8').trim();
  } catch {
    return '';
  }
}

if (folder !== undefined) {
  register(new URL('./task-hooks.js', import.meta.url));
  const write = (moment: string, query: string, stage: number, task: number): void =>
    appendFileSync(join(folder, 'tasks.log'), `${Date.now()} ${process.pid} ${moment} ${query} ${stage} ${task}\n`);
  Object.assign(globalThis, {
    async timelineTask(moment: TaskMoment, query: string, stage: number, task: number): Promise<void> {
      write(moment, query, stage, task);
      const hold = control('hold');
      if (hold === `${moment} ${stage} ${task}` || hold === `${moment} * ${task}`) {
        try {
          unlinkSync(join(folder, 'hold'));
        } catch {
          return;
        }
        write('held', query, stage, task);
        for (;;) await sleep(60_000);
      }
      if (moment === 'start') await sleep(Number(control('delay') || '0'));
    },
  });
}
