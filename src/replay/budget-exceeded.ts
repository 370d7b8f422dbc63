import type { ErrorDetails } from '../../sql/errors.js';

/** 53400: a query wants to read more bytes than it may. Plain data: the workflow uses it too. */
export function budgetExceeded(maxBytes: number): ErrorDetails {
  return {
    kind: 'limit',
    sqlstate: '53400',
    message: `query would read more than ${maxBytes} bytes`,
    hint: 'Add a time range or another condition that narrows what is read, or raise the limit with SET timeline.max_bytes.',
  };
}
