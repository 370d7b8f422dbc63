/** What `/metrics` tells of a server. */
export interface ServerPage {
  /** Seconds since 1970, as it is written there. */
  readonly startedAt: string | undefined;
  /** Milliseconds; undefined: not told, or not understood. */
  readonly retention: number | undefined;
  /** Queries it runs at once. */
  readonly slots: number | undefined;
  /** It asks other servers, whose data it does not know. */
  readonly cluster: boolean;
}

const DAY_MS = 86_400_000;
const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
  y: 365 * DAY_MS,
  // Without a unit it is months.
  '': 31 * DAY_MS,
};

export function readServerPage(text: string): ServerPage {
  const number = (name: string): string | undefined => new RegExp(`^${name} (\\d+(?:\\.\\d+)?(?:e[+]?\\d+)?)$`, 'm').exec(text)?.[1];
  const flag = (name: string): string | undefined => new RegExp(`^flag\\{name="${name}", ?value="([^"\\\\]*)"`, 'm').exec(text)?.[1];
  const slots = Number(number('vl_concurrent_select_capacity') ?? Number.NaN);
  return {
    startedAt: number('vm_app_start_timestamp'),
    retention: retentionOf(flag('retentionPeriod')),
    slots: Number.isInteger(slots) && slots > 0 ? slots : undefined,
    cluster: (flag('storageNode') ?? '') !== '',
  };
}

function retentionOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w|y))+$|^\d+(?:\.\d+)?$/.test(text)) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|w|y|$)/g);
  const sum = [...parts].reduce((total, [, count, unit]) => total + Number(count) * (UNITS_MS[unit ?? ''] ?? Number.NaN), 0);
  return Number.isFinite(sum) && sum > 0 ? Math.floor(sum) : undefined;
}
