import { TimelineError } from '../../sql/errors.js';
import type { Gateway } from './gateway.js';

const SHOWN_MOST = 5;

/** The id of a submitted replay by its id, a beginning of it that no other has, or its name (of several the last). */
export async function findReplay(gateway: Gateway, given: string): Promise<string> {
  const { rows } = await gateway.query(
    `SELECT id, name FROM timeline.replays
     WHERE kind <> 'query' AND (id = $1 OR name = $1 OR starts_with(id, $1) OR starts_with(id, 'replay-' || $1) OR starts_with(id, 'backfill-' || $1))
     ORDER BY started_at DESC, id`,
    [given],
  );
  const exact = rows.find(([id]) => id === given) ?? rows.find(([, name]) => name === given);
  const found = exact ?? (rows.length === 1 ? rows[0] : undefined);
  const id = found?.[0];
  if (id !== undefined && id !== null) return id;
  if (rows.length === 0) {
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '42704',
      message: `replay "${given.slice(0, 200)}" does not exist`,
      hint: 'timeline replay list --all shows those that there are.',
    });
  }
  const ids = rows.slice(0, SHOWN_MOST).map(([one]) => one);
  const more = rows.length > SHOWN_MOST ? `, and ${rows.length - SHOWN_MOST} more` : '';
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: '42725',
    message: `"${given.slice(0, 200)}" is the beginning of ${rows.length} ids`,
    detail: `${ids.join(', ')}${more}`,
  });
}
