import type { Random } from './random.js';
import {
  AD_COUNT,
  APP_VERSIONS,
  BITRATES,
  CDN_REBUFFERS,
  CDN_WEIGHTS,
  COUNTRIES,
  DEVICE_WEIGHTS,
  eventTypeCode,
  ISP_COUNT,
  REASONS,
  TITLE_SECONDS,
} from './vocabulary.js';

/** What stays the same in a session; numbers are indexes into vocabulary.ts. */
export interface SessionFacts {
  /** A version 4 UUID. */
  readonly id: string;
  /** Undefined: not signed in. */
  readonly user: number | undefined;
  readonly device: number;
  /** Undefined: not known. */
  readonly country: number | undefined;
  readonly app: number;
  readonly isp: number;
}

/** One event of a session; -1 stands for NULL. */
export interface SessionEvent {
  /** Microseconds since 1970-01-01 UTC, rising within a session by a millisecond at least. */
  readonly ts: number;
  readonly type: number;
  readonly cdn: number;
  readonly bufferMs: number;
  readonly bitrate: number;
  /** Seconds into the title. */
  readonly position: number;
  /** Index of the reason of a rebuffer, of the ad of an ad_marker. */
  readonly extra: number;
}

type Mode = 'playing' | 'paused' | 'buffering';

const PLAY = eventTypeCode('play');
const PAUSE = eventTypeCode('pause');
const SEEK = eventTypeCode('seek');
const REBUFFER = eventTypeCode('rebuffer');
const BITRATE_CHANGE = eventTypeCode('bitrate_change');
const HEARTBEAT = eventTypeCode('heartbeat');
const END = eventTypeCode('end');
const AD_MARKER = eventTypeCode('ad_marker');
const PROBE = eventTypeCode('x_vendor_probe');

const SECOND = 1_000_000;
const MEDIAN_STEPS = 32;
const MAX_STEPS = 1500;
const REBUFFER_AFTER_SEEK = 0.45;
const START_BUFFERING = 0.3;
/** Players that vanish without an end event. */
const VANISHING = 0.06;

export function drawSession(random: Random, users: number): SessionFacts {
  return {
    id: randomUuid(random),
    user: random.unit() < 0.05 ? undefined : skewed(random, users),
    device: random.weighted(DEVICE_WEIGHTS),
    country: random.unit() < 0.02 ? undefined : skewed(random, COUNTRIES.length),
    app: random.integer(0, APP_VERSIONS.length),
    isp: random.integer(0, ISP_COUNT),
  };
}

/**
 * The events of one session as a state machine. Every rebuffer is followed by the play that ends it, exactly
 * buffer_duration_ms later, with only heartbeats between; so `latest(…) = 'rebuffer'` holds for as long as the event says.
 */
export function* sessionEvents(random: Random, start: number): Generator<SessionEvent> {
  const steps = Math.min(MAX_STEPS, 4 + Math.floor(random.longTailed(MEDIAN_STEPS)));
  const vanishes = random.unit() < VANISHING;
  let ts = start;
  let cdn = random.weighted(CDN_WEIGHTS);
  let rung = random.integer(3, BITRATES.length);
  let position = 0;
  let mode = 'playing' as Mode;
  let bufferEnd = 0;
  let afterSeek = false;
  const event = (type: number, bufferMs = -1, extra = -1): SessionEvent => ({
    ts,
    type,
    cdn,
    bufferMs,
    bitrate: BITRATES[rung] ?? 0,
    position: Math.min(position, TITLE_SECONDS - 1),
    extra,
  });
  const rebuffer = (median: number): SessionEvent => {
    const ms = Math.min(60_000, 80 + Math.floor(random.longTailed(median)));
    bufferEnd = ts + ms * 1000;
    mode = 'buffering';
    return event(REBUFFER, ms, random.weighted([0.6, 0.2, 0.1, 0.1]) % REASONS.length);
  };

  if (random.unit() < START_BUFFERING) yield rebuffer(500);
  else yield event(PLAY);
  for (let step = 1; step < steps || mode === 'buffering'; step++) {
    if (mode === 'buffering') {
      // Long stalls send heartbeats, and some players change their CDN in one.
      if (bufferEnd - ts > 2 * SECOND && random.unit() < 0.4) {
        ts += random.integer(SECOND / 10, 1_900_000);
        if (random.unit() < 0.15) cdn = random.weighted(CDN_WEIGHTS);
        yield event(HEARTBEAT);
      } else {
        ts = bufferEnd;
        mode = 'playing';
        yield event(PLAY);
      }
      continue;
    }
    const gap = afterSeek && random.unit() < REBUFFER_AFTER_SEEK ? random.integer(50_000, 4 * SECOND) : 0;
    const wait = gap > 0 ? gap : 1000 + Math.floor((random.unit() + random.unit()) * 9 * SECOND);
    ts += wait;
    if (mode === 'paused') {
      if (random.unit() < 0.55) mode = 'playing';
      yield event(mode === 'playing' ? PLAY : HEARTBEAT);
      continue;
    }
    position += Math.floor(wait / SECOND);
    const stalls = gap > 0 || random.unit() < (CDN_REBUFFERS[cdn] ?? 0);
    afterSeek = false;
    if (stalls) {
      yield rebuffer(1500);
      continue;
    }
    const u = random.unit();
    if (u < 0.1) {
      rung = Math.max(0, Math.min(BITRATES.length - 1, rung + (random.unit() < 0.5 ? -1 : 1) * random.integer(1, 3)));
      yield event(BITRATE_CHANGE);
    } else if (u < 0.15) {
      position = random.integer(0, TITLE_SECONDS);
      afterSeek = true;
      yield event(SEEK);
    } else if (u < 0.18) {
      mode = 'paused';
      yield event(PAUSE);
    } else if (u < 0.2) yield event(AD_MARKER, -1, random.integer(0, AD_COUNT));
    else if (u < 0.215) yield event(PROBE);
    else {
      if (random.unit() < 0.004) cdn = random.weighted(CDN_WEIGHTS);
      yield event(HEARTBEAT);
    }
  }
  if (vanishes) return;
  ts += random.integer(SECOND / 10, 5 * SECOND);
  yield event(END);
}

/** Small indexes come more often, by the square of a uniform draw. */
function skewed(random: Random, count: number): number {
  const u = random.unit();
  return Math.floor(u * u * count);
}

function randomUuid(random: Random): string {
  const hex = (bits: number): string => bits.toString(16).padStart(8, '0');
  const [a, b, c, d] = [random.bits(), random.bits(), random.bits(), random.bits()];
  const version = hex(((b & 0xffff0fff) | 0x4000) >>> 0);
  const variant = hex(((c & 0x3fffffff) | 0x80000000) >>> 0);
  return `${hex(a)}-${version.slice(0, 4)}-${version.slice(4)}-${variant.slice(0, 4)}-${variant.slice(4)}${hex(d)}`;
}
