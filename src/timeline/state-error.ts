import { internal, type TimelineError } from '../../sql/errors.js';

/** What was given to `load` is not what `save` gives. */
export function damagedState(): TimelineError {
  return internal('timeline: a saved state is damaged');
}
