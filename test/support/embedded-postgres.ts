import { PGlite } from '@electric-sql/pglite';
import { bind, dataRow, describeStatement, execute, fields, parse, query, sync } from '../wire/raw-client.js';

/** A real PostgreSQL in this process, as the oracle of tests: started directly, none of our code in between. */
export class EmbeddedPostgres {
  readonly #db: PGlite;

  private constructor(db: PGlite) {
    this.#db = db;
  }

  static async start(): Promise<EmbeddedPostgres> {
    const db = new PGlite();
    await db.waitReady;
    return new EmbeddedPostgres(db);
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  async run(sql: string): Promise<void> {
    await this.#messages(query(sql));
  }

  /** The command tag of one statement. */
  async command(sql: string): Promise<string> {
    const tag = (await this.#messages(query(sql))).find((m) => m.type === 'C')?.body;
    return tag?.toString('utf8', 0, tag.length - 1) ?? '';
  }

  /** The rows of one statement as they come on the wire; `parameters` in their text form (binary where a Buffer). */
  async rows(
    sql: string,
    options: {
      readonly binary?: boolean;
      readonly parameters?: readonly (string | Buffer | null)[];
      readonly types?: readonly number[];
    } = {},
  ): Promise<(Buffer | null)[][]> {
    const parameters = [...(options.parameters ?? [])];
    const formats = parameters.map((parameter) => (Buffer.isBuffer(parameter) ? 1 : 0));
    const request = Buffer.concat([
      parse('', sql, [...(options.types ?? [])]),
      bind('', '', parameters, formats, [options.binary === true ? 1 : 0]),
      execute(''),
      sync,
    ]);
    return (await this.#messages(request)).filter((m) => m.type === 'D').map((m) => dataRow(m.body));
  }

  /** Type OIDs of a statement's columns. */
  async columnTypes(sql: string): Promise<number[]> {
    const messages = await this.#messages(Buffer.concat([parse('', sql, []), describeStatement(''), sync]));
    const body = messages.find((m) => m.type === 'T')?.body;
    if (body === undefined) return [];
    const oids: number[] = [];
    for (let at = 2; oids.length < body.readInt16BE(0); ) {
      at = body.indexOf(0, at) + 1;
      oids.push(body.readInt32BE(at + 6));
      at += 18;
    }
    return oids;
  }

  async texts(sql: string): Promise<(string | null)[]> {
    return (await this.rows(sql)).map((row) => row[0]?.toString('utf8') ?? null);
  }

  async #messages(request: Buffer): Promise<{ type: string; body: Buffer }[]> {
    const bytes = Buffer.from(await this.#db.execProtocolRaw(request));
    const found: { type: string; body: Buffer }[] = [];
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + bytes.readInt32BE(at + 1);
      found.push({ type: String.fromCharCode(bytes[at]!), body: bytes.subarray(at + 5, at + size) });
      at += size;
    }
    const error = found.find((m) => m.type === 'E');
    if (error !== undefined) throw Object.assign(new Error(fields(error.body)['M'] ?? 'failed'), { code: fields(error.body)['C'] });
    return found;
  }
}
