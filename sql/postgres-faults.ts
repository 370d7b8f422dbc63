import type { PGlite } from '@electric-sql/pglite';

/**
 * PGlite passes over what the WASM code throws besides its long jumps: a statement that exhausted the stack would look like
 * one without rows, and leave Postgres half-way through it. The first such fault since the last call.
 */
export function watchFaults({ Module: module }: PGlite): () => Error | undefined {
  const step = module._PostgresMainLoopOnce;
  let fault: Error | undefined;
  module._PostgresMainLoopOnce = () => {
    try {
      step();
    } catch (thrown) {
      // Long jumps are thrown as an exit status, which is no Error.
      if (thrown instanceof Error && (thrown instanceof RangeError || thrown.name === 'RuntimeError')) fault ??= thrown;
      throw thrown;
    }
  };
  return () => {
    const found = fault;
    fault = undefined;
    return found;
  };
}
