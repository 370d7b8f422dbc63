/** The words of the demo lake's events; a column of the generator holds indexes into these. */
export const EVENT_TYPES = [
  'play',
  'pause',
  'seek',
  'rebuffer',
  'bitrate_change',
  'heartbeat',
  'end',
  'ad_marker',
  'x_vendor_probe',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const DEVICES = ['Android', 'iOS', 'Web', 'AndroidTV', 'tvOS', 'Roku'] as const;
export const DEVICE_WEIGHTS = [0.32, 0.26, 0.24, 0.08, 0.05, 0.05] as const;

export const CDNS = ['CDN1', 'CDN2', 'CDN3', 'CDN4'] as const;
export const CDN_WEIGHTS = [0.4, 0.3, 0.2, 0.1] as const;
/** Chance that playing turns into rebuffering at a step: CDN1 is the one that an analyst should find. */
export const CDN_REBUFFERS = [0.06, 0.03, 0.035, 0.045] as const;

export const COUNTRIES = ['US', 'IN', 'BR', 'DE', 'GB', 'FR', 'JP', 'MX', 'ID', 'ES', 'IT', 'CA', 'KR', 'PL', 'NL', 'SE'] as const;
/** kbit/s. */
export const BITRATES = [235, 375, 750, 1050, 1750, 2350, 3000, 4300, 5800, 8000] as const;
export const APP_VERSIONS = ['6.4.0', '6.4.2', '6.5.0', '6.5.1', '7.0.0', '7.0.1', '7.1.0', '7.2.0-beta'] as const;
export const REASONS = ['network', 'cdn_timeout', 'decoder', 'manifest'] as const;
export const ISP_COUNT = 120;
export const AD_COUNT = 3000;
/** Seconds; the longest title. */
export const TITLE_SECONDS = 7200;

export function eventTypeCode(type: EventType): number {
  return EVENT_TYPES.indexOf(type);
}
