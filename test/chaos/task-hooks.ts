/** Puts calls of `timelineTask` (task-preload.ts) into the compiled source of two modules while they are loaded. */
interface Loaded {
  readonly format: string;
  readonly source?: string | ArrayBuffer | Uint8Array;
  readonly shortCircuit?: boolean;
}

const CALLS: readonly { readonly file: string; readonly before: string; readonly call: string }[] = [
  {
    file: '/src/replay/task-runner.js',
    before: 'const before = await store.manifest(query, stageId, taskId);',
    call: "await globalThis.timelineTask('asked', query, stageId, taskId);\n",
  },
  {
    file: '/src/replay/task-runner.js',
    before: 'const stage = plan.stages.find((one) => one.id === stageId);',
    call: "await globalThis.timelineTask('start', query, stageId, taskId);\n",
  },
  {
    file: '/src/replay/stage-store.js',
    before: 'if (await files.putIfAbsent(manifestKey(',
    call: "await globalThis.timelineTask('files', query, stage, task);\n",
  },
];

export async function load(url: string, context: unknown, next: (url: string, context: unknown) => Promise<Loaded>): Promise<Loaded> {
  const loaded = await next(url, context);
  const calls = CALLS.filter(({ file }) => url.endsWith(file));
  if (calls.length === 0 || loaded.source === undefined) return loaded;
  let source = typeof loaded.source === 'string' ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString('utf8');
  for (const { file, before, call } of calls) {
    if (source.split(before).length !== 2)
      throw new Error(`${file} has not one place "${before}": tell test/chaos/task-hooks.ts where tasks begin`);
    source = source.replace(before, () => call + before);
  }
  return { ...loaded, source };
}
