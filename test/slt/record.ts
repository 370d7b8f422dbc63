import { readFile, writeFile } from 'node:fs/promises';
import { loadPostgres, oracleTables } from '../e2e/oracle-lake.js';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';
import { renderRow } from './records.js';

/**
 * Writes into .slt files what a real PostgreSQL answers: `node dist/test/slt/record.js test/slt/postgres/*.slt`, run after records
 * were added as `query ?` or `query ? rowsort` (with SQL and nothing else). Records that have an answer keep it, unless `--all` is given.
 */
export const SEED = 20240331;

interface Recorded {
  readonly head: string;
  readonly lines: readonly string[];
}

async function main(args: readonly string[]): Promise<void> {
  const all = args.includes('--all');
  const postgres = await EmbeddedPostgres.start();
  try {
    await loadPostgres(postgres, oracleTables(SEED));
    for (const file of args.filter((arg) => !arg.startsWith('--'))) await recordFile(postgres, file, all);
  } finally {
    await postgres.close();
  }
}

async function recordFile(postgres: EmbeddedPostgres, file: string, all: boolean): Promise<void> {
  const blocks = (await readFile(file, 'utf8')).trimEnd().split(/\n{2,}/);
  const written: string[] = [];
  let recorded = 0;
  for (const block of blocks) {
    const lines = block.split('\n');
    const at = lines.findIndex((line) => /^(query|statement)\b/.test(line));
    const head = lines[at] ?? '';
    if (at < 0 || (head.startsWith('statement') && !all)) {
      if (/^statement ok/.test(head)) await postgres.run(lines.slice(at + 1).join('\n'));
      written.push(block);
      continue;
    }
    const end = lines.indexOf('----');
    const sql = lines.slice(at + 1, end < 0 ? undefined : end).join('\n');
    if (head.startsWith('statement')) {
      await postgres.run(sql).catch(() => undefined);
      written.push(block);
      continue;
    }
    if (!/^query \?/.test(head) && !all) {
      written.push(block);
      continue;
    }
    const answer = await ask(postgres, sql, head.endsWith('rowsort'));
    written.push([...lines.slice(0, at), answer.head, sql, ...answer.lines].join('\n'));
    recorded += 1;
  }
  await writeFile(file, `${written.join('\n\n')}\n`);
  process.stdout.write(`${file}: ${recorded} of ${blocks.length} recorded\n`);
}

const LETTERS: Readonly<Record<number, string>> = { 16: 'B', 20: 'I', 21: 'I', 23: 'I', 700: 'R', 701: 'R' };

async function ask(postgres: EmbeddedPostgres, sql: string, rowsort: boolean): Promise<Recorded> {
  try {
    const oids = await postgres.columnTypes(sql);
    const rows = (await postgres.rows(sql)).map((row) => renderRow(row.map((value) => value?.toString('utf8') ?? null)));
    if (rowsort) rows.sort((a, b) => (a.join('\t') < b.join('\t') ? -1 : 1));
    const types = oids.map((oid) => LETTERS[oid] ?? 'T').join('');
    return { head: `query ${types}${rowsort ? ' rowsort' : ''}`, lines: ['----', ...rows.map((row) => row.join('\t'))] };
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return { head: `statement error ${code ?? ''} ^${message.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`, lines: [] };
  }
}

if (process.argv[1]?.endsWith('record.js')) await main(process.argv.slice(2));
