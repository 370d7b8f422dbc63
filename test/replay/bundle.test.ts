import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildWorkflowBundle } from '../../src/replay/temporal/bundle.js';
import { temporaryFolder } from './support.js';
import { freshBundle, projectRoot } from './temporal-support.js';

describe('replay/bundle', () => {
  it('is smaller than 2 MB', async () => {
    assert.ok(statSync(await freshBundle()).size < 2_000_000);
  });

  it("fails where a workflow reaches Node's modules, also those that the SDK would let pass", async () => {
    const folder = join(projectRoot(), '.build', `bundle-test-${process.pid}`);
    mkdirSync(folder, { recursive: true });
    try {
      for (const module of ['node:fs', 'node:util', 'url']) {
        writeFileSync(join(folder, 'helper.js'), `import * as m from '${module}';\nexport const n = Object.keys(m).length;\n`);
        writeFileSync(join(folder, 'workflows.js'), `import { n } from './helper.js';\nexport async function w() { return n; }\n`);
        const outFile = join(temporaryFolder(), 'out.js');
        await assert.rejects(
          buildWorkflowBundle({ workflows: join(folder, 'workflows.js'), outFile }),
          new RegExp(`workflow code imports ${module} in`),
        );
        assert.equal(existsSync(outFile), false);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
