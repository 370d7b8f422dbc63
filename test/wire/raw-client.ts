import { connect, type Socket } from 'node:net';

export interface BackendMessage {
  readonly type: string;
  readonly body: Buffer;
}

/** A client made of bytes, for what no driver would send. */
export class RawClient {
  readonly socket: Socket;
  readonly messages: BackendMessage[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  #waiters: (() => void)[] = [];
  closed = false;
  /** Bytes of the server's single-letter answers to encryption requests are expected first. */
  #letters = 0;
  readonly letters: string[] = [];

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port });
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#parse();
      this.#notify();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
      this.#notify();
    });
  }

  send(...parts: Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  expectLetter(): void {
    this.#letters += 1;
  }

  async login(options: { readonly user?: string; readonly database?: string } = {}): Promise<void> {
    this.send(startup({ user: options.user ?? 'u', database: options.database ?? 'd' }));
    await this.until('Z');
    this.messages.length = 0;
  }

  /** Waits for the nth message of a type and returns the types of all so far. */
  async until(type: string, count = 1): Promise<string> {
    await this.wait(() => this.messages.filter((message) => message.type === type).length >= count);
    return this.types();
  }

  types(): string {
    return this.messages.map((message) => message.type).join('');
  }

  async untilClosed(): Promise<void> {
    await this.wait(() => this.closed, true);
  }

  async wait(condition: () => boolean, closedIsFine = false): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!condition()) {
      if (this.closed && !closedIsFine) throw new Error(`closed after ${this.types()}`);
      if (Date.now() > deadline) throw new Error(`nothing more came after ${this.types()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 200);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  errors(): Record<string, string>[] {
    return this.messages.filter((message) => message.type === 'E').map(({ body }) => fields(body));
  }

  destroy(): void {
    this.socket.destroy();
  }

  #notify(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }

  #parse(): void {
    while (this.#letters > 0 && this.#buffer.length > 0) {
      this.letters.push(this.#buffer.toString('latin1', 0, 1));
      this.#buffer = this.#buffer.subarray(1);
      this.#letters -= 1;
    }
    while (this.#buffer.length >= 5) {
      const size = 1 + this.#buffer.readInt32BE(1);
      if (this.#buffer.length < size) return;
      this.messages.push({ type: this.#buffer.toString('latin1', 0, 1), body: Buffer.from(this.#buffer.subarray(5, size)) });
      this.#buffer = this.#buffer.subarray(size);
    }
  }
}

export function fields(body: Buffer): Record<string, string> {
  const found: Record<string, string> = {};
  let at = 0;
  while (body[at] !== 0 && at < body.length) {
    const end = body.indexOf(0, at + 1);
    found[String.fromCharCode(body[at]!)] = body.toString('utf8', at + 1, end);
    at = end + 1;
  }
  return found;
}

export function dataRow(body: Buffer): (Buffer | null)[] {
  const row: (Buffer | null)[] = [];
  let at = 2;
  for (let index = 0; index < body.readInt16BE(0); index += 1) {
    const size = body.readInt32BE(at);
    at += 4;
    row.push(size < 0 ? null : body.subarray(at, at + size));
    at += Math.max(0, size);
  }
  return row;
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
}

export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf8');
}

export function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(body.length + 4), body]);
}

export function startup(parameters: Record<string, string>, version = 196_608): Buffer {
  const body = Buffer.concat([int32(version), ...Object.entries(parameters).flatMap(([k, v]) => [cstring(k), cstring(v)]), Buffer.of(0)]);
  return Buffer.concat([int32(body.length + 4), body]);
}

export const query = (text: string): Buffer => message('Q', cstring(text));
export const parse = (name: string, text: string, types: number[] = []): Buffer =>
  message('P', cstring(name), cstring(text), int16(types.length), ...types.map(int32));
export const bind = (
  portal: string,
  statement: string,
  parameters: (string | Buffer | null)[] = [],
  formats: number[] = [],
  results: number[] = [],
): Buffer =>
  message(
    'B',
    cstring(portal),
    cstring(statement),
    int16(formats.length),
    ...formats.map(int16),
    int16(parameters.length),
    ...parameters.flatMap((p) => (p === null ? [int32(-1)] : [int32(Buffer.byteLength(p)), Buffer.from(p as string)])),
    int16(results.length),
    ...results.map(int16),
  );
export const describeStatement = (name: string): Buffer => message('D', Buffer.from('S'), cstring(name));
export const describePortal = (name: string): Buffer => message('D', Buffer.from('P'), cstring(name));
export const execute = (portal: string, rows = 0): Buffer => message('E', cstring(portal), int32(rows));
export const closeStatement = (name: string): Buffer => message('C', Buffer.from('S'), cstring(name));
export const closePortal = (name: string): Buffer => message('C', Buffer.from('P'), cstring(name));
export const flush = message('H');
export const sync = message('S');
export const terminate = message('X');
