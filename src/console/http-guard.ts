import type { IncomingMessage } from 'node:http';
import { type ErrorDetails, TimelineError } from '../../sql/errors.js';

/** A request that is refused before its query is looked at, with the status of HTTP that says so. */
export class Refusal extends Error {
  readonly error: TimelineError;

  constructor(
    readonly status: number,
    details: Omit<ErrorDetails, 'kind'>,
  ) {
    super(details.message);
    this.error = new TimelineError({ kind: 'protocol', ...details });
  }
}

/**
 * Refuses what a page of somebody else's makes a browser send to this machine: another host name that was pointed to loopback (DNS
 * rebinding), or a request from another origin. There is no authentication yet; like SQL over the wire this is for
 * loopback alone.
 */
export function refuseForeign(request: IncomingMessage): void {
  const { host, origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  if (!isLoopback(request.socket.localAddress ?? ''))
    throw foreign('pictures are served on loopback addresses only', 'There is no authentication yet.');
  if (host === undefined || !isLoopback(hostName(host)))
    throw foreign(`host ${JSON.stringify((host ?? '').slice(0, 100))} is none of this server's names`, 'Use localhost or 127.0.0.1.');
  if (origin !== undefined && origin !== `http://${host}`) throw foreign('requests from pages of another origin are refused');
  // `none`: typed or opened by a person.
  if (site !== undefined && site !== 'none' && site !== 'same-origin') throw foreign('requests from pages of another site are refused');
}

/** The status that tells a client of HTTP most about a query's error. */
export function httpStatus({ sqlstate }: TimelineError): number {
  if (sqlstate === '57014') return 504;
  if (/^(53|57P|08)/.test(sqlstate)) return 503;
  // What the statement, its names, its values or its limits are to blame for.
  return /^(0A|2|3|4|54)/.test(sqlstate) ? 400 : 500;
}

function foreign(message: string, hint?: string): Refusal {
  return new Refusal(403, { sqlstate: '28000', message, ...(hint === undefined ? {} : { hint }) });
}

function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

function isLoopback(host: string): boolean {
  return /^(localhost|::1|(::ffff:)?127(\.\d{1,3}){3})$/i.test(host);
}
