import type { TimelineSpec } from '../../planner/timeline-spec.js';

/** Spans to the horizon without any option. */
export const PLAIN_SPEC: Omit<TimelineSpec, 'keys' | 'ts' | 'leaves' | 'signals'> = {
  emit: 'spans',
  orderBy: [],
  dedupe: [],
  ties: 'apply',
  since: undefined,
  until: { kind: 'horizon' },
  at: undefined,
  every: undefined,
  origin: undefined,
  timeZone: 'UTC',
  idle: undefined,
  ends: undefined,
  fill: false,
};
