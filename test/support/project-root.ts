import { join } from 'node:path';
import { projectRoot } from '../../src/paths.js';

export { projectRoot };

export function sharedFixtures(): string {
  return join(projectRoot(), '..', 'shared', 'fixtures');
}
