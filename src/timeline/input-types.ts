import { internal } from '../../sql/errors.js';
import type { Type } from '../../sql/types.js';

/** The type of an input column by field id; a column that there is not is an error of ours. */
export function inputTypeOf(types: ReadonlyMap<number, Type>): (id: number) => Type {
  return (id) => {
    const found = types.get(id);
    if (found === undefined) throw internal(`timeline: the input has no column ${id}`);
    return found;
  };
}
