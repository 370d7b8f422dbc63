import type { Meter } from '../../connectors/connector.js';
import { TimelineError } from '../../sql/errors.js';
import { budgetExceeded } from './budget-exceeded.js';

/** The bytes that one query may read, shared by its tasks of one process. */
export interface Budget {
  /** A meter of one task, which also charges the query. */
  meter(): TaskMeter;
}

export interface TaskMeter extends Meter {
  readonly bytes: number;
  readonly requests: number;
}

/** `spent`: bytes that other processes' tasks are known to have read. */
export function createBudget(maxBytes: number | undefined, spent = 0): Budget {
  let total = spent;
  return {
    meter() {
      let bytes = 0;
      let requests = 0;
      return {
        get bytes() {
          return bytes;
        },
        get requests() {
          return requests;
        },
        charge(moreBytes, moreRequests) {
          if (maxBytes !== undefined && total + moreBytes > maxBytes) throw TimelineError.fromJSON(budgetExceeded(maxBytes));
          total += moreBytes;
          bytes += moreBytes;
          requests += moreRequests;
        },
      };
    },
  };
}
