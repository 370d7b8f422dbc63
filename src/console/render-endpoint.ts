import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { asTimelineError, TimelineError } from '../../sql/errors.js';
import type { Engine } from '../statement.js';
import { PAGE_STYLE } from './html-page.js';
import { httpStatus, Refusal, refuseForeign } from './http-guard.js';
import { PICTURE_STYLE_HASH } from './picture-style.js';
import { readWords } from './render-body.js';
import { renderQuery, renderRequest } from './render-query.js';

export interface RenderLimits {
  /** Pictures at once; one more gets 503. */
  readonly pictures: number;
  readonly bodyBytes: number;
  /** Milliseconds of one statement. */
  readonly statementMs: number;
  /** Milliseconds that a client may take no byte of its answer. */
  readonly sendMs: number;
}

export const DEFAULT_RENDER_LIMITS: RenderLimits = { pictures: 4, bodyBytes: 1_048_576, statementMs: 60_000, sendMs: 30_000 };

/** Nothing runs in what we send, nothing is loaded from elsewhere, and no page of others may hold it. */
const POLICY = `default-src 'none'; style-src '${PICTURE_STYLE_HASH}' 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': POLICY,
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

const TYPES = { svg: 'image/svg+xml; charset=utf-8', html: 'text/html; charset=utf-8' };

/** `GET /render?sql=…` and `POST /render`: answers a query with a picture of its rows; errors are JSON with their SQLSTATE. */
export class RenderEndpoint {
  private running = 0;

  constructor(
    private readonly engine: Engine,
    private readonly limits: RenderLimits = DEFAULT_RENDER_LIMITS,
  ) {}

  /** Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    // Whoever no longer listens needs no answer: what runs for him is stopped.
    response.once('close', () => gone.abort(new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'the client went away' })));
    response.on('error', () => undefined);
    try {
      if (request.method !== 'GET' && request.method !== 'POST') {
        response.setHeader('allow', 'GET, POST');
        throw new Refusal(405, { sqlstate: '0A000', message: `method ${request.method} is not supported: GET or POST` });
      }
      refuseForeign(request);
      const asked = renderRequest(await readWords(request, { mostBytes: this.limits.bodyBytes }));
      this.admit(response);
      const picture = await renderQuery(asked, { engine: this.engine, user: 'http', signal: gone.signal, mostMs: this.limits.statementMs });
      send(response, 200, TYPES[asked.format], picture, this.limits.sendMs);
    } catch (thrown) {
      if (response.destroyed || response.headersSent) return;
      if (thrown instanceof Refusal) this.sendError(request, response, thrown.status, thrown.error);
      else {
        const error = asTimelineError(thrown);
        this.sendError(request, response, httpStatus(error), error);
      }
    }
  }

  /** Until the answer is sent or nobody waits for it any more: a client that reads slowly holds its place. */
  private admit(response: ServerResponse): void {
    if (response.destroyed) throw new Refusal(503, { sqlstate: '57014', message: 'the client went away' });
    if (this.running >= this.limits.pictures)
      throw new Refusal(503, { sqlstate: '53300', message: `${this.limits.pictures} pictures are being drawn already`, retryable: true });
    this.running += 1;
    response.once('close', () => {
      this.running -= 1;
    });
  }

  private sendError(request: IncomingMessage, response: ServerResponse, status: number, error: TimelineError): void {
    const { sqlstate, message, detail, hint, position } = error;
    if (status === 503) response.setHeader('retry-after', '1');
    // What was not read of a body would be taken for the next request.
    if (!request.complete) response.setHeader('connection', 'close');
    send(
      response,
      status,
      'application/json; charset=utf-8',
      `${JSON.stringify({ error: { sqlstate, message, detail, hint, position } })}\n`,
      this.limits.sendMs,
    );
  }
}

function send(response: ServerResponse, status: number, type: string, body: string, mostMs: number): void {
  response.setTimeout(mostMs, () => response.destroy());
  response.writeHead(status, { ...SECURITY_HEADERS, 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
