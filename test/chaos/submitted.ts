import type pg from 'pg';
import { ROWS_A_PART } from './tiny-lake.js';

/** Of lake.tiny by word, in two stages. */
export const BY_WORD = 'SELECT word, count(*)::int AS rows, sum(n)::text AS sum FROM lake.tiny GROUP BY word ORDER BY word';

/** What BY_WORD answers over so many partitions. */
export function byWord(parts: number): readonly { readonly word: string; readonly rows: number; readonly sum: string }[] {
  const rows = parts * ROWS_A_PART;
  return Array.from({ length: 7 }, (_, word) => {
    const count = Math.ceil((rows - word) / 7);
    return { word: `w${word}`, rows: count, sum: String(word * count + (7 * count * (count - 1)) / 2) };
  });
}

export async function submit(client: pg.Client, sql: string): Promise<string> {
  const { rows } = await client.query('SELECT timeline.submit($1) AS id', [sql]);
  return String((rows[0] as { id: unknown }).id);
}

/** The state it ended in. */
export async function waitFor(client: pg.Client, id: string): Promise<string> {
  const { rows } = await client.query('SELECT timeline.wait($1) AS state', [id]);
  return String((rows[0] as { state: unknown }).state);
}

export async function resultOf(client: pg.Client, id: string): Promise<readonly unknown[]> {
  return (await client.query(`SELECT * FROM timeline.result('${id}')`)).rows as unknown[];
}

/** mulberry32: a whole number below `below`. */
export function dice(seed: number): (below: number) => number {
  let a = Math.imul(seed, 0x9e3779b1) | 0;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}
