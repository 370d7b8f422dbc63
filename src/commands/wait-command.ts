import { TimelineError } from '../../sql/errors.js';
import type { Gateway } from './gateway.js';
import { isProgress, progressBar } from './progress-bar.js';

/** Waits for a replay's end and tells how far it is. On Ctrl-C it goes on. Throws when it did not complete. */
export async function waitFor(gateway: Gateway, id: string): Promise<void> {
  const bar = progressBar(process.stderr, { plain: true });
  const said: string[] = [];
  gateway.onNotice((message) => {
    const progress = isProgress(message) || message.startsWith(`replay "${id}": `);
    if (progress) bar.show(message.replace(`replay "${id}" `, ''));
    else said.push(message);
  });
  let state: string | null | undefined;
  try {
    const answer = await gateway.interruptible(
      gateway.query('SELECT timeline.wait($1)', [id]),
      () => `interrupted; replay ${id} goes on (timeline replay wait ${id})`,
    );
    state = answer.rows[0]?.[0];
  } finally {
    bar.clear();
    gateway.onNotice(undefined);
  }
  if (state === 'completed') return;
  const reason = said.find((text) => text.startsWith(`replay "${id}"`));
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: state === 'cancelled' ? '57014' : '58000',
    message: reason ?? `replay "${id}" ${state ?? 'is unknown'}`,
  });
}
