/**
 * How many cases a random test tries: `usual` in every run, `full` where TIMELINE_TEST_FULL is set (once before a release, or when what it
 * tests has changed), or what the variable `name` says.
 */
export function cases(name: string, { usual, full }: { readonly usual: number; readonly full: number }): number {
  const named = process.env[name];
  if (named !== undefined) return Number(named);
  return process.env['TIMELINE_TEST_FULL'] === undefined ? usual : full;
}
