import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { functionTable } from '../../sql/functions/function-table.js';
import { projectRoot } from '../support/project-root.js';

describe('docs/functions.md', () => {
  it('says what the list of functions says (node scripts/function-table.mjs writes it)', () => {
    assert.equal(readFileSync(join(projectRoot(), 'docs', 'functions.md'), 'utf8'), functionTable());
  });
});
