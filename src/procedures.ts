import { PROCEDURES, type Procedure } from '../connectors/connector.js';
import { TimelineError } from '../sql/errors.js';

/** CALL timeline.build_index: no connector's of the table, but of its indexes. */
export const BUILD_INDEX = 'build_index';

const ALL: Readonly<Record<string, Procedure>> = {
  ...PROCEDURES,
  [BUILD_INDEX]: {
    parameters: {},
    columns: [
      ['files', 'int8'],
      ['covered_before', 'int8'],
      ['indexed', 'int8'],
      ['uncovered', 'int8'],
      ['rows_written', 'int8'],
      ['bytes_written', 'int8'],
    ],
  },
};

/** A procedure of schema timeline by name. Throws 42883. */
export function procedureOf(name: string): Procedure {
  const found = Object.hasOwn(ALL, name) ? ALL[name] : undefined;
  if (found !== undefined) return found;
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: '42883',
    message: `procedure timeline.${name} does not exist`,
    hint: `There are ${Object.keys(ALL)
      .map((one) => `timeline.${one}`)
      .join(', ')}.`,
  });
}
