// Writes docs/functions.md from the list of functions: `node scripts/function-table.mjs` after a build.
// test/sql/function-table.test.ts fails while the page does not say what the list says.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { functionTable } from '../dist/sql/functions/function-table.js';
import { root } from './setup.mjs';

writeFileSync(join(root, 'docs', 'functions.md'), functionTable());
