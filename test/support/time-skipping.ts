import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { javaClassPath } from './java.js';

const VERSION = '1.38.0';
const ATTEMPTS = 6;

/**
 * Temporal's test server, whose clock jumps to the next timer while nothing runs: the Java one, because its releases as one program are
 * not on any registry. Undefined where there is no Java or no Maven. It knows no schedules.
 */
export async function startTimeSkipping(): Promise<TestWorkflowEnvironment | undefined> {
  const classPath = await javaClassPath('temporal-test-server', [`io.temporal:temporal-test-server:${VERSION}`]);
  if (classPath === undefined) return undefined;
  const folder = dirname(classPath);
  const path = join(folder, 'bin', 'temporal-test-server');
  const draft = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(
    draft,
    `#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp '${classPath}' io.temporal.testserver.TestServer "$@"\n`,
  );
  await chmod(draft, 0o755);
  await rename(draft, path);
  for (let attempt = 1; ; attempt++) {
    try {
      return await TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
    } catch (error) {
      // The SDK waits 5 seconds for it, which a busy machine may not keep.
      if (attempt === ATTEMPTS || !/did not start/.test(String(error))) throw error;
    }
  }
}
