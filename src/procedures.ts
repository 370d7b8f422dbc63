import { PROCEDURES, type Procedure } from '../connectors/connector.js';
import { TimelineError } from '../sql/errors.js';

/** A maintenance procedure by name. Throws 42883. */
export function procedureOf(name: string): Procedure {
  const found = Object.hasOwn(PROCEDURES, name) ? PROCEDURES[name] : undefined;
  if (found !== undefined) return found;
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: '42883',
    message: `procedure timeline.${name} does not exist`,
    hint: `There are ${Object.keys(PROCEDURES)
      .map((one) => `timeline.${one}`)
      .join(', ')}.`,
  });
}
