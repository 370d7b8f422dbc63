/** The name in a signature as in Call.fn: `sum` of `sum(int8)`; functions outside of pg_catalog keep their schema. */
export function functionName(signature: string): string {
  return signature.slice(0, signature.indexOf('('));
}
