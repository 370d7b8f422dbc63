import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Side } from './measure.js';

export async function startDuckdb(): Promise<Side> {
  const child = fork(fileURLToPath(new URL('./duckdb-process.js', import.meta.url)));
  const reply = async (): Promise<Answer> => {
    const [message] = (await once(child, 'message')) as [Answer & { readonly error?: string }];
    if (message.error !== undefined) throw new Error(`DuckDB: ${message.error}`);
    return message;
  };
  await reply();
  return {
    name: 'DuckDB',
    pid: child.pid ?? -1,
    except: [],
    ask: (sql) => {
      child.send(sql);
      return reply();
    },
    close: async () => {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}
