import type pg from 'pg';
import type { TimelineServer } from '../support/timeline-server.js';
import { type Answer, sameRows } from './oracle-pair.js';

export interface Question {
  readonly sql: string;
  /** Rows must come in this order; else they are a multiset. */
  readonly ordered: boolean;
}

export type Settings = Readonly<Record<string, string>>;

/** Some connections to one server that share their settings and take questions by turns. */
export interface Asked {
  settle(settings: Settings): Promise<void>;
  ask(sql: string): Promise<Answer>;
  /** In the order of the questions. */
  askAll(questions: readonly { readonly sql: string }[]): Promise<readonly Answer[]>;
  close(): Promise<void>;
}

export async function openAsked(server: TimelineServer, connections = 3): Promise<Asked> {
  const types = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;
  const clients = await Promise.all(Array.from({ length: connections }, () => server.connect({ types })));
  const [first] = clients;
  if (first === undefined) throw new Error('no connection');
  return {
    async settle(settings) {
      for (const client of clients) {
        await client.query('RESET ALL');
        for (const [name, value] of Object.entries(settings)) await client.query(`SET ${name} = '${value}'`);
      }
    },
    ask: (sql) => answerOf(first, sql),
    async askAll(questions) {
      const answers: Answer[] = [];
      const waiting = questions.entries();
      const work = async (client: pg.Client): Promise<void> => {
        for (const [n, { sql }] of waiting) answers[n] = await answerOf(client, sql);
      };
      await Promise.all(clients.map(work));
      return answers;
    },
    async close() {
      await Promise.all(clients.map((client) => client.end()));
    },
  };
}

interface Result {
  readonly rows: readonly (readonly (string | null)[])[];
}

async function answerOf(client: pg.Client, sql: string): Promise<Answer> {
  try {
    const answer = (await client.query({ text: sql, rowMode: 'array' })) as unknown as Result | readonly Result[];
    const last = Array.isArray(answer) ? (answer.at(-1) as Result) : (answer as Result);
    return { kind: 'rows', rows: last.rows };
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return { kind: 'error', sqlstate: code ?? '', message };
  }
}

type Rows = Extract<Answer, { readonly kind: 'rows' }>['rows'];

/** float8 with all its digits, to 13 of them. */
function rounded(rows: Rows): Rows {
  const all = /^-?(?=[\d.]{16,18}(e|$))\d+\.\d+(e[+-]\d+)?$/;
  return rows.map((row) => row.map((text) => (text !== null && all.test(text) ? Number(text).toPrecision(13) : text)));
}

/**
 * `order`: the last digits of a float8 that was added up in another order, or a data error (22…) on one side only, or another one; which rows are looked at first may decide that, and PostgreSQL does not
 * promise it either.
 */
export function likeness(a: Answer, b: Answer, ordered: boolean): 'same' | 'order' | 'different' {
  if (a.kind === 'rows' && b.kind === 'rows') {
    if (sameRows(a.rows, b.rows, ordered)) return 'same';
    return sameRows(rounded(a.rows), rounded(b.rows), ordered) ? 'order' : 'different';
  }
  if (a.kind === 'error' && b.kind === 'error' && a.sqlstate === b.sqlstate) return 'same';
  const data = [a, b].filter((answer) => answer.kind === 'error').every((answer) => answer.sqlstate.startsWith('22'));
  return data ? 'order' : 'different';
}

export function shown(answer: Answer): string {
  return answer.kind === 'error'
    ? `${answer.sqlstate} ${answer.message}`
    : `${answer.rows.length} rows ${JSON.stringify(answer.rows.slice(0, 3)).slice(0, 400)}`;
}
