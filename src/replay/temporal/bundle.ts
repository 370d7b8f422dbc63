import { existsSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BundleOptions, bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

/** `workflow-bundle.js` beside the folders of the compiled project (`dist/`). */
export const BUNDLE_PATH = fileURLToPath(new URL('../../../workflow-bundle.js', import.meta.url));
const WORKFLOWS = fileURLToPath(new URL('./workflows.js', import.meta.url));

/**
 * Bundles the workflows' code, so that workers start in half a second. Fails when anything of ours that is reachable from a
 * workflow imports Node's modules: such code would not replay.
 */
export async function buildWorkflowBundle(options: { readonly workflows?: string; readonly outFile?: string } = {}): Promise<string> {
  const workflowsPath = options.workflows ?? WORKFLOWS;
  const outFile = options.outFile ?? BUNDLE_PATH;
  const forbidden = new Set<string>();
  const hook: BundleOptions['webpackConfigHook'] = (config) => ({
    ...config,
    externals: [
      ...[config.externals ?? []].flat(),
      async ({ context, request }: { context?: string; request?: string }) => {
        const builtin = request?.startsWith('node:') === true || builtinModules.includes(request ?? '');
        if (builtin && context?.includes('node_modules') !== true) forbidden.add(`${request} in ${context}`);
        return undefined;
      },
    ],
  });
  const said: string[] = [];
  const logger = new DefaultLogger('ERROR', ({ message }) => said.push(message));
  let code: string;
  try {
    ({ code } = await bundleWorkflowCode({ workflowsPath, logger, webpackConfigHook: hook }));
  } catch (error) {
    if (forbidden.size === 0) throw new Error(`the workflows cannot be bundled: ${said.join('\n') || String(error)}`, { cause: error });
    throw new Error(`workflow code imports ${[...forbidden].join(', ')}`, { cause: error });
  }
  if (forbidden.size > 0) throw new Error(`workflow code imports ${[...forbidden].join(', ')}`);
  await mkdir(dirname(outFile), { recursive: true });
  const draft = join(dirname(outFile), `.workflow-bundle.${process.pid}.tmp`);
  await writeFile(draft, code);
  await rename(draft, outFile);
  return outFile;
}

/** The prebuilt bundle, made now where the build has not. */
export async function workflowBundle(): Promise<string> {
  return existsSync(BUNDLE_PATH) ? BUNDLE_PATH : buildWorkflowBundle();
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  console.log(await buildWorkflowBundle());
}
