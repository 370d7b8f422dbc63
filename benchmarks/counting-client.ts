import { connect } from 'node:net';

/** A PostgreSQL client in a process of its own that asks one query and only counts the rows: `host port text|binary sql`. */
const [host = '', port = '', format = '', sql = ''] = process.argv.slice(2);

const socket = connect(Number(port), host);
let rest: Buffer = Buffer.alloc(0);
let [rows, bytes, readies, started, first] = [0, 0, 0, 0, 0];

const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'utf8');
const int16s = (...values: number[]): Buffer => {
  const buffer = Buffer.alloc(values.length * 2);
  for (const [n, value] of values.entries()) buffer.writeInt16BE(value, n * 2);
  return buffer;
};

function send(type: string, ...parts: readonly Buffer[]): void {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(4);
  head.writeInt32BE(body.length + 4);
  socket.write(Buffer.concat([Buffer.from(type, 'latin1'), head, body]));
}

send('', int16s(3, 0), text('user'), text('bench'), text('database'), text('timeline'), Buffer.from([0]));

function ask(): void {
  started = performance.now();
  if (format === 'text') {
    send('Q', text(sql));
    return;
  }
  send('P', text(''), text(sql), int16s(0));
  send('B', text(''), text(''), int16s(0, 0, 1, 1));
  send('E', text(''), Buffer.alloc(4));
  send('S');
}

function take(type: string, body: Buffer): void {
  if (type === 'E') throw new Error(body.toString('utf8').replaceAll('\0', ' '));
  if (type === 'D' && rows++ === 0) first = performance.now() - started;
  if (type !== 'Z') return;
  readies++;
  if (readies === 1) {
    send('Q', text('SET timeline.driver = local'));
  } else if (readies === 2) {
    ask();
  } else {
    process.stdout.write(JSON.stringify({ rows, bytes, first, wall: performance.now() - started }));
    socket.end();
  }
}

socket.on('data', (data) => {
  bytes += data.length;
  rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
  let at = 0;
  while (rest.length - at >= 5) {
    const end = at + 1 + rest.readInt32BE(at + 1);
    if (end > rest.length) break;
    take(String.fromCharCode(rest[at] as number), rest.subarray(at + 5, end));
    at = end;
  }
  rest = rest.subarray(at);
});
