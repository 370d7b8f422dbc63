import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { after, describe, it } from 'mocha';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { expectedTables, FIXTURES, sparkConfig, sqlConfig, temporaryFolder } from './iceberg-fixtures.js';
import type { FuzzJob, FuzzLine } from './iceberg-fuzz-child.js';
import { newLake, SIGNAL, writeRows } from './iceberg-lake.js';

const CHILD = join(fileURLToPath(import.meta.url), '..', 'iceberg-fuzz-child.js');
/** Cases for each kind of file of each table; seeds that have found something belong into the list of a test of their own. */
const CASES = Number(process.env['TIMELINE_FUZZ_CASES'] ?? 15);
const SEED = Number(process.env['TIMELINE_FUZZ_SEED'] ?? 1);
/** A case that takes longer hangs. */
const SILENCE_MS = 30_000;
const MOST_MEMORY = 2 ** 31;

/**
 * Any damage to any file that a table is made of: an error that names file and table, or the right rows.
 */
describe('Iceberg tables of which a file is damaged at random', function () {
  this.timeout(0);
  const folder = temporaryFolder();
  after(() => rmSync(folder, { recursive: true, force: true }));

  const copy = (part: string): void => {
    cpSync(join(FIXTURES, part), join(folder, part), { recursive: true });
    for (const entry of readdirSync(join(folder, part), { recursive: true, withFileTypes: true }))
      chmodSync(join(entry.parentPath, entry.name), 0o755);
  };
  const fixtures = (schema: string, writer: string): FuzzJob['tables'] =>
    Object.values(expectedTables())
      .filter((table) => table.writer.startsWith(writer) && table.current.rows > 0)
      .map(({ table }) => ({ schema, table }));

  it("pyiceberg's", async () => {
    copy('py');
    await run({ config: sqlConfig(folder), folder, tables: fixtures('py', 'pyiceberg'), seed: SEED, cases: CASES });
  });

  it("Spark's", async () => {
    copy('spark');
    await run({ config: sparkConfig(folder), folder, tables: fixtures('db', 'spark'), seed: SEED, cases: CASES });
  });

  it('our own', async () => {
    const lake = await newLake();
    try {
      for (const [table, options] of [
        ['plain', {}],
        ['keyed', { 'timeline.key': 'id' }],
        ['old', { 'format-version': '1', 'write.metadata.compression-codec': 'gzip' }],
      ] as const) {
        const fields = parseFields([
          { id: 1, name: 'id', required: false, type: 'long' },
          { id: 2, name: 'name', required: false, type: 'string' },
        ]);
        const { handle } = await lake.writer.beginTable({ table: { schema: 'ns', table }, fields, options }, SIGNAL);
        const select = `SELECT range AS id, 'n' || range % 17 AS name FROM range(1000)`;
        const written = await writeRows(lake, lake.writer, handle, select);
        await lake.writer.commit(handle, { written, batch: table, summary: {}, signal: SIGNAL });
      }
      const warehouse = `file://${lake.folder}/warehouse`;
      const tables = ['plain', 'keyed', 'old'].map((table) => ({ schema: 'ns', table }));
      const config = { catalog: { type: 'filesystem', warehouse }, locations: {} } as const;
      await run({ config, folder: lake.folder, tables, seed: SEED, cases: CASES });
    } finally {
      await lake.close();
    }
  });
});

async function run(job: FuzzJob): Promise<void> {
  assert.ok(job.tables.length > 0);
  const child = spawn(process.execPath, [CHILD, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let last: FuzzLine | undefined;
  let hangs = false;
  const watch = (): NodeJS.Timeout =>
    setTimeout(() => {
      hangs = true;
      child.kill('SIGKILL');
    }, SILENCE_MS);
  let watchdog = watch();
  const wrong: string[] = [];
  let refused = 0;
  for await (const text of createInterface({ input: child.stdout })) {
    clearTimeout(watchdog);
    watchdog = watch();
    const line = JSON.parse(text) as FuzzLine;
    if (line.kind === 'outcome' && last?.kind === 'case') {
      if (line.outcome === 'refused') refused++;
      if (line.outcome === 'wrong' && !(line.message === 'other rows' && mayChangeRows(last)))
        wrong.push(`${last.table}, ${last.file}, ${last.what}: ${line.message}`);
    }
    last = line;
  }
  clearTimeout(watchdog);
  await ended;
  assert.ok(!hangs, `it hangs: ${JSON.stringify(last)}`);
  assert.ok(last?.kind === 'done', `it ended at ${JSON.stringify(last)}: ${errors.slice(-2000)}`);
  assert.ok(last.maxRss < MOST_MEMORY, `it took ${last.maxRss} bytes of memory`);
  assert.deepEqual(wrong, []);
  assert.ok(refused > job.cases);
}

/** Values of data files have no checksum that is looked at, and of two files of one size nobody can tell which one is meant. */
function mayChangeRows({ fileKind, what }: Extract<FuzzLine, { kind: 'case' }>): boolean {
  return fileKind === 'data' || (fileKind === 'deletes' && what.startsWith('another file'));
}
