import { TimelineError } from '../../sql/errors.js';

/** 08P01: the client sent what the protocol does not allow. */
export function protocolError(message: string): TimelineError {
  return new TimelineError({ kind: 'protocol', sqlstate: '08P01', message });
}

/** Ends the connection: sent with severity FATAL, then the socket is closed. */
export class FatalError extends Error {
  readonly error: TimelineError;

  constructor(error: TimelineError) {
    super(error.message, { cause: error });
    this.name = 'FatalError';
    this.error = error;
  }
}

/** 08006, the client is gone: nothing can be sent any more. (A class of its own, because sources may fail with 08006 as well.) */
export class ConnectionLost extends TimelineError {
  constructor() {
    super({ kind: 'cancelled', sqlstate: '08006', message: 'connection to client lost' });
  }
}
