import type { Constant } from '../../../sql/expression.js';

/** Constants that are not NULL. */
export interface KnownConstant extends Constant {
  readonly value: string;
}
