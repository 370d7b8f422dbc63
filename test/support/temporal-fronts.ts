import { type ClientHttp2Session, connect as connectHttp2, createSecureServer, type ServerHttp2Session } from 'node:http2';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Authority, Certificate } from './certificates.js';

export interface Front {
  readonly address: string;
  close(): Promise<void>;
}

/** TLS in front of a server that has none: bytes are passed on. With `clients` it wants certificates of that authority. */
export async function startTlsFront(options: {
  readonly to: string;
  readonly certificate: Certificate;
  readonly clients?: Authority;
}): Promise<Front> {
  const { certificate, clients } = options;
  const [host = '', port = ''] = options.to.split(':');
  const open = new Set<Socket>();
  const server = createServer(
    {
      cert: certificate.cert,
      key: certificate.key,
      ALPNProtocols: ['h2'],
      ...(clients === undefined ? {} : { ca: clients.cert, requestCert: true, rejectUnauthorized: true }),
    },
    (socket) => {
      const behind = connect({ host, port: Number(port) });
      for (const [one, other] of [
        [socket, behind],
        [behind, socket],
      ] as const) {
        open.add(one);
        one.pipe(other);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          open.delete(one);
          other.destroy();
        });
      }
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** As Temporal Cloud does with API keys: calls whose `authorization` is another are refused, the others go to the server behind. */
export async function startKeyFront(options: {
  readonly to: string;
  readonly certificate: Certificate;
  readonly apiKey: string;
  /** gRPC status of what is refused: 16 unauthenticated, 7 permission denied. */
  readonly status?: number;
}): Promise<Front & { readonly seen: Set<string> }> {
  const { certificate, apiKey, status = 16 } = options;
  const seen = new Set<string>();
  const sessions = new Set<ServerHttp2Session | ClientHttp2Session>();
  const server = createSecureServer({ cert: certificate.cert, key: certificate.key });
  server.on('session', (session) => {
    const behind = connectHttp2(`http://${options.to}`);
    sessions.add(session).add(behind);
    behind.on('error', () => session.destroy());
    session.on('error', () => undefined);
    session.on('close', () => behind.destroy());
    session.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      seen.add(String(headers['authorization']));
      if (headers['authorization'] !== `Bearer ${apiKey}`) {
        stream.respond(
          {
            ':status': 200,
            'content-type': 'application/grpc',
            'grpc-status': status,
            'grpc-message': `bad key ${headers['authorization']}`,
          },
          { endStream: true },
        );
        return;
      }
      const { authorization: _key, ...passed } = headers;
      const request = behind.request(passed);
      request.on('error', () => stream.destroy());
      stream.on('close', () => request.close());
      stream.pipe(request);
      let trailers = {};
      request.on('trailers', (given) => {
        trailers = given;
      });
      request.on('response', (given, flags) => {
        // An answer of headers only (an error) ends with them.
        const alone = (flags & 1) === 1;
        stream.respond(given, alone ? { endStream: true } : { waitForTrailers: true });
        if (alone) return;
        stream.on('wantTrailers', () => stream.sendTrailers(trailers));
        request.pipe(stream);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        for (const session of sessions) session.destroy();
        server.close(() => resolve());
      }),
  };
}
