import { connect as connectSocket, isIP, type Socket } from 'node:net';
import { connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import { TimelineError } from '../../../sql/errors.js';
import { hostAndPort, type TemporalAddress, type TemporalTls } from './access.js';

const TIMEOUT = 5000;
/** HTTP/2's client preface and an empty SETTINGS frame: every gRPC server answers with its own SETTINGS. */
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);
const TLS_ALERT = 0x15;

/**
 * Says at once what gRPC would try again for seconds, and then call unavailable: nobody listens, TLS on one side only, certificates that
 * either side does not take. Throws 08001 (not reachable so), 28000 (the server does not take our certificate).
 */
export async function probe(access: TemporalAddress): Promise<void> {
  const { address, tls } = access;
  if (tls !== undefined) return probeTls(address, tls);
  const answer = await firstAnswer(address, connectSocket({ ...hostAndPort(address), timeout: TIMEOUT }), 'connect');
  if (answer.kind === 'failed') throw unreachable(address, answer.error);
  if (answer.kind === 'bytes' && answer.bytes[0] !== TLS_ALERT) {
    if (answer.bytes.subarray(0, 5).toString('latin1') === 'HTTP/') throw noTemporal(address);
    return;
  }
  const speaksTls = answer.kind === 'bytes' || (await handshakes(address));
  throw speaksTls
    ? refused(
        '08001',
        `Temporal at ${address} wants TLS`,
        'Set temporal.tls: true (TEMPORAL_TLS=true), and temporal.tls.ca where its certificate is not a public one.',
      )
    : unreachable(address, new Error('it ends connections at once'));
}

async function probeTls(address: string, tls: TemporalTls): Promise<void> {
  const name = tls.serverName ?? hostAndPort(address).host;
  const socket = openTls(address, tls, name);
  const answer = await firstAnswer(address, socket, 'secureConnect');
  if (answer.kind === 'failed' && !answer.connected) {
    const code = codeOf(answer.error);
    if (/^(ECONN|EHOST|ENET|ENOTFOUND|EAI_|ETIMEDOUT|EPIPE)/.test(code) && !answer.opened) throw unreachable(address, answer.error);
    if (/ALERT_(UNKNOWN_CA|BAD_CERT|CERTIFICATE|HANDSHAKE_FAIL|NO_CERT|ACCESS_DENIED|UNSUPPORTED_CERT)/.test(code))
      throw certificateRefused(address, tls);
    if (code === 'no answer') throw unreachable(address, answer.error);
    throw refused(
      '08001',
      `Temporal at ${address} does not speak TLS`,
      'Set temporal.tls: false (TEMPORAL_TLS=false), or the address of its TLS port.',
      answer.error.message,
    );
  }
  const problem = socket.authorizationError as unknown;
  if (socket.authorized === false && problem !== undefined && problem !== null)
    throw notTrusted(address, name, problem instanceof Error ? codeOf(problem) || problem.message : String(problem), answer.peer);
  // TLS 1.3 tells a client only after the handshake that its certificate is not taken; many servers just hang up.
  if (answer.kind === 'closed' || (answer.kind === 'failed' && codeOf(answer.error) !== 'no answer'))
    throw certificateRefused(address, tls);
  if (answer.kind === 'failed') throw unreachable(address, answer.error);
  if (answer.bytes.subarray(0, 5).toString('latin1') === 'HTTP/') throw noTemporal(address);
}

function openTls(address: string, tls: TemporalTls, name: string): TLSSocket {
  return connectTls({
    ...hostAndPort(address),
    ALPNProtocols: ['h2'],
    // Looked at afterwards, so that the certificate can be named. Nothing is sent but a preface.
    rejectUnauthorized: false,
    timeout: TIMEOUT,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  });
}

type Answer = { readonly peer?: PeerCertificate } & (
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly error: Error; readonly opened: boolean; readonly connected: boolean }
);

/** Sends the preface as soon as the socket is ready, and waits for the first bytes or the end. */
function firstAnswer(address: string, socket: Socket, ready: 'connect' | 'secureConnect'): Promise<Answer> {
  return new Promise((resolve) => {
    let opened = false;
    let connected = false;
    let peer: PeerCertificate | undefined;
    const end = (answer: Answer): void => {
      clearTimeout(timer);
      resolve(peer === undefined ? answer : { ...answer, peer });
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.destroy();
    };
    const late = (): void =>
      end({ kind: 'failed', error: Object.assign(new Error(`no answer from ${address}`), { code: 'no answer' }), opened, connected });
    const timer = setTimeout(late, TIMEOUT);
    socket.once('connect', () => {
      opened = true;
    });
    socket.once(ready, () => {
      connected = true;
      if ('getPeerCertificate' in socket) peer = (socket as TLSSocket).getPeerCertificate();
      socket.write(PREFACE);
    });
    socket.once('data', (bytes: Buffer) => end({ kind: 'bytes', bytes }));
    socket.once('timeout', late);
    socket.once('error', (error) => end({ kind: 'failed', error, opened, connected }));
    socket.once('close', () =>
      end(connected ? { kind: 'closed' } : { kind: 'failed', error: new Error('it hangs up'), opened, connected }),
    );
  });
}

/** Of a server that speaks TLS; undefined: it does not, or is not there. */
export async function serverCertificate({ address, tls }: TemporalAddress): Promise<PeerCertificate | undefined> {
  const own = tls ?? {};
  return (await firstAnswer(address, openTls(address, own, own.serverName ?? hostAndPort(address).host), 'secureConnect')).peer;
}

async function handshakes(address: string): Promise<boolean> {
  const socket = openTls(address, {}, hostAndPort(address).host);
  return (await firstAnswer(address, socket, 'secureConnect')).peer !== undefined;
}

function notTrusted(address: string, name: string, problem: string, peer: PeerCertificate | undefined): TimelineError {
  const subject = words(peer?.subject?.CN) ?? words(peer?.subjectaltname) ?? 'without a name';
  const issuer = words(peer?.issuer?.CN) ?? words(peer?.issuer?.O) ?? 'unknown';
  const certificate = `the certificate of Temporal at ${address} (${subject}, issued by ${issuer})`;
  if (problem === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return refused(
      '08001',
      `${certificate} is not for "${name}"`,
      `Set temporal.tls.server_name (TEMPORAL_TLS_SERVER_NAME) to a name that it is for: ${words(peer?.subjectaltname) ?? subject}.`,
    );
  if (problem === 'CERT_HAS_EXPIRED')
    return refused('08001', `${certificate} has expired: ${words(peer?.valid_to) ?? ''}`, 'Renew it on the server.');
  return refused(
    '08001',
    `${certificate} is not trusted: ${problem}`,
    'Set temporal.tls.ca (TEMPORAL_TLS_SERVER_CA_CERT_PATH) to the file of the authority that issued it.',
  );
}

/** What a server says of itself, one short line. */
function words(value: string | string[] | undefined): string | undefined {
  const text = (Array.isArray(value) ? value.join(', ') : value)?.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200);
  return text === '' ? undefined : text;
}

function certificateRefused(address: string, tls: TemporalTls): TimelineError {
  return tls.cert === undefined
    ? refused(
        '28000',
        `Temporal at ${address} wants a client certificate`,
        'Set temporal.tls.cert and temporal.tls.key (TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH).',
      )
    : refused(
        '28000',
        `Temporal at ${address} does not take the client certificate`,
        'Is temporal.tls.cert issued by an authority that the server trusts, and still valid?',
      );
}

function noTemporal(address: string): TimelineError {
  return refused(
    '08001',
    `what listens at ${address} is not Temporal: it answers HTTP/1`,
    'temporal.address is the gRPC port, 7233 by default; not that of the web UI.',
  );
}

function unreachable(address: string, error: Error): TimelineError {
  return new TimelineError({
    kind: 'connector',
    sqlstate: '08001',
    message: `Temporal at ${address} is unreachable`,
    detail: error.message || codeOf(error),
    hint: 'Start it, set TEMPORAL_ADDRESS, or SET timeline.driver = local.',
    retryable: true,
    cause: error,
  });
}

function refused(sqlstate: string, message: string, hint: string, detail?: string): TimelineError {
  return new TimelineError({ kind: 'connector', sqlstate, message, hint, ...(detail === undefined ? {} : { detail }) });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
