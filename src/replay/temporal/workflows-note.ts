import { upsertSearchAttributes } from '@temporalio/workflow';

/** The workflow's state in its search attributes, and its rows where they are known. */
export function noteState({ attributes }: { readonly attributes: boolean }, state: string, rows?: number): void {
  if (!attributes) return;
  upsertSearchAttributes([
    { key: { name: 'TimelineState', type: 'KEYWORD' }, value: state },
    ...(rows === undefined ? [] : [{ key: { name: 'TimelineRows', type: 'INT' } as const, value: rows }]),
  ]);
}
