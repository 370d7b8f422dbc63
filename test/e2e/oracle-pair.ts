import type pg from 'pg';
import type { EmbeddedPostgres } from '../support/embedded-postgres.js';
import type { TimelineServer } from '../support/timeline-server.js';

export type Answer =
  | { readonly kind: 'rows'; readonly rows: readonly (readonly (string | null)[])[] }
  | { readonly kind: 'error'; readonly sqlstate: string; readonly message: string };

/**
 * `agreed`: the same rows, or the same SQLSTATE. `unsupported`: 0A000 where PostgreSQL answers. `eager`, `lazy`: a data error (22…) on one
 * side only, which the order of evaluation decides. `different`: a wrong answer.
 */
export type Verdict = 'agreed' | 'unsupported' | 'eager' | 'lazy' | 'different';

export interface Outcome {
  readonly sql: string;
  readonly verdict: Verdict;
  readonly engine: Answer;
  readonly postgres: Answer;
}

/** The engine and a PostgreSQL with the same tables, asked the same questions. */
export class OraclePair {
  private constructor(
    private readonly clients: readonly pg.Client[],
    readonly postgres: EmbeddedPostgres,
  ) {}

  static async open(server: TimelineServer, postgres: EmbeddedPostgres): Promise<OraclePair> {
    const types = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;
    return new OraclePair(await Promise.all([1, 2, 3].map(() => server.connect({ types }))), postgres);
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.end()));
  }

  async set(name: string, value: string): Promise<void> {
    for (const client of this.clients) await client.query(`SET ${name} = '${value}'`);
    if (!name.startsWith('timeline.')) await this.postgres.run(`SET ${name} = '${value}'`);
  }

  async engineAnswer(sql: string, client = this.clients[0]): Promise<Answer> {
    if (client === undefined) throw new Error('the pair has no connection');
    try {
      const { rows } = (await client.query({ text: sql, rowMode: 'array' })) as unknown as { rows: (string | null)[][] };
      return { kind: 'rows', rows };
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      return { kind: 'error', sqlstate: code ?? '', message };
    }
  }

  async postgresAnswer(sql: string): Promise<Answer> {
    try {
      const rows = await this.postgres.rows(sql);
      return { kind: 'rows', rows: rows.map((row) => row.map((value) => value?.toString('utf8') ?? null)) };
    } catch (error) {
      const { code, message } = error as Error & { code?: string };
      return { kind: 'error', sqlstate: code ?? '', message };
    }
  }

  /** Ordered: rows must come in the same order; else as a multiset. */
  async compare(sql: string, ordered = false, client = this.clients[0]): Promise<Outcome> {
    const [engine, postgres] = await Promise.all([this.engineAnswer(sql, client), this.postgresAnswer(sql)]);
    return { sql, engine, postgres, verdict: verdict(engine, postgres, ordered) };
  }

  /** A few at a time; outcomes in the order of the questions. */
  async compareAll(questions: readonly { readonly sql: string; readonly ordered: boolean }[]): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = [];
    const waiting = questions.entries();
    const ask = async (client: pg.Client): Promise<void> => {
      for (const [n, { sql, ordered }] of waiting) outcomes[n] = await this.compare(sql, ordered, client);
    };
    await Promise.all(this.clients.map(ask));
    return outcomes;
  }
}

function verdict(engine: Answer, postgres: Answer, ordered: boolean): Verdict {
  if (engine.kind === 'rows' && postgres.kind === 'rows') return sameRows(engine.rows, postgres.rows, ordered) ? 'agreed' : 'different';
  if (engine.kind === 'error' && postgres.kind === 'error') {
    return engine.sqlstate === postgres.sqlstate ? 'agreed' : engine.sqlstate === '0A000' ? 'unsupported' : 'different';
  }
  if (engine.kind === 'error') return engine.sqlstate === '0A000' ? 'unsupported' : isData(engine.sqlstate) ? 'eager' : 'different';
  if (postgres.kind !== 'error') return 'different';
  // What PostgreSQL can't do (a full join without an equality) has no answer to compare with.
  return postgres.sqlstate === '0A000' ? 'agreed' : isData(postgres.sqlstate) ? 'lazy' : 'different';
}

function isData(sqlstate: string): boolean {
  return sqlstate.startsWith('22');
}

type Rows = readonly (readonly (string | null)[])[];

export function sameRows(a: Rows, b: Rows, ordered: boolean): boolean {
  const texts = [a, b].map((rows) => rows.map((row) => JSON.stringify(row)));
  if (!ordered) for (const list of texts) list.sort();
  return JSON.stringify(texts[0]) === JSON.stringify(texts[1]);
}

export function report({ sql, verdict: found, engine, postgres }: Outcome): string {
  return `${found}: ${sql}\n${diff(engine, postgres)}`;
}

function diff(engine: Answer, postgres: Answer): string {
  if (engine.kind === 'error' || postgres.kind === 'error') return `  engine: ${brief(engine)}\n  postgres: ${brief(postgres)}`;
  const left = engine.rows.map((row) => JSON.stringify(row));
  const right = postgres.rows.map((row) => JSON.stringify(row));
  const extra = minus(left, right);
  const missing = minus(right, left);
  const note = extra.length + missing.length === 0 ? ' (only the order differs)' : '';
  return `  ${left.length} rows, postgres ${right.length}${note}\n  engine only: ${extra.slice(0, 3).join(' ')}\n  postgres only: ${missing.slice(0, 3).join(' ')}`;
}

function minus(from: readonly string[], taken: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of taken) counts.set(text, (counts.get(text) ?? 0) + 1);
  return from.filter((text) => {
    const count = counts.get(text) ?? 0;
    counts.set(text, count - 1);
    return count <= 0;
  });
}

function brief(answer: Answer): string {
  return answer.kind === 'error'
    ? `${answer.sqlstate} ${answer.message}`
    : `${answer.rows.length} rows ${JSON.stringify(answer.rows.slice(0, 2))}`;
}
