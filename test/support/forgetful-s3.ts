import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { S3Options } from '../../src/object-store/object-store.js';

export interface ForgetfulS3 {
  readonly options: S3Options;
  /** Keys that are there. */
  readonly objects: ReadonlyMap<string, Buffer>;
  close(): Promise<void>;
}

/** An S3 service with one bucket, `b`, in memory, that ignores If-None-Match (some do). `clock` shifts its times, `mute` never answers. */
export async function startForgetfulS3(options: { readonly clock?: number; readonly mute?: boolean } = {}): Promise<ForgetfulS3> {
  const objects = new Map<string, Buffer>();
  const times = new Map<string, number>();
  const etag = (bytes: Buffer): string => `"${createHash('md5').update(bytes).digest('hex')}"`;
  const server = createServer((request, response) => {
    if (options.mute === true) return;
    void body(request).then((bytes) => {
      const url = new URL(request.url ?? '/', 'http://s3');
      const key = decodeURIComponent(url.pathname).replace(/^\/b\/?/, '');
      const found = objects.get(key);
      if (request.method === 'PUT') {
        objects.set(key, bytes);
        times.set(key, Date.now() + (options.clock ?? 0));
        response.setHeader('etag', etag(bytes)).end();
      } else if (request.method === 'DELETE') {
        objects.delete(key);
        response.writeHead(204).end();
      } else if (url.searchParams.has('list-type')) {
        const prefix = url.searchParams.get('prefix') ?? '';
        const contents = [...objects]
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, bytes]) => {
            const modified = new Date(times.get(name) ?? 0).toISOString();
            return `<Contents><Key>${name}</Key><Size>${bytes.length}</Size><ETag>${etag(bytes)}</ETag><LastModified>${modified}</LastModified></Contents>`;
          });
        response
          .setHeader('content-type', 'application/xml')
          .end(`<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`);
      } else if (found === undefined) {
        response.writeHead(404, { 'content-type': 'application/xml' }).end('<Error><Code>NoSuchKey</Code></Error>');
      } else {
        response.writeHead(200, { 'content-length': found.length, etag: etag(found) });
        response.end(request.method === 'HEAD' ? undefined : found);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    options: { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', accessKeyId: 'a', secretAccessKey: 's', pathStyle: true },
    objects,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The content, out of the frames of a signed upload where it is one. */
async function body(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const bytes = Buffer.concat(parts);
  if (!String(request.headers['content-encoding'] ?? '').includes('aws-chunked')) return bytes;
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.subarray(at, end).toString('latin1'), 16);
    if (!(size > 0)) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
  }
}
