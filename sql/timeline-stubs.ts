/**
 * Stand-ins for TIMELINE's operators in the embedded Postgres's schema `timeline_ops`, so that its analyser types them.
 * They are never run: STABLE and plpgsql keep them from being inlined or folded, so the analysed tree holds the calls.
 * The embedded Postgres's image is rebuilt whenever this list changes.
 */
export const TIMELINE_STUBS: readonly string[] = [
  ...stub('latest(value anyelement)', 'anyelement'),
  ...stub('latest(value anyelement, ttl interval)', 'anyelement'),
  ...stub('latest_when("when" boolean, value anyelement)', 'anyelement'),
  ...stub('has_existed("when" boolean)', 'boolean'),
  ...stub('has_existed_within("when" boolean, within interval)', 'boolean'),
  ...stub('state_has_existed(state boolean)', 'boolean'),
  ...stub('state_has_existed_within(state boolean, within interval)', 'boolean'),
  ...stub('count_so_far("when" boolean)', 'bigint'),
  // As sum() of the same type.
  ...stub('sum_so_far(value smallint)', 'bigint'),
  ...stub('sum_so_far(value integer)', 'bigint'),
  ...stub('sum_so_far(value bigint)', 'numeric'),
  ...stub('sum_so_far(value real)', 'real'),
  ...stub('sum_so_far(value double precision)', 'double precision'),
  ...stub('sum_so_far(value numeric)', 'numeric'),
  ...stub('sum_so_far(value interval)', 'interval'),
  ...stub('last_event_time()', 'timestamptz'),
  ...stub('last_event_time("when" boolean)', 'timestamptz'),
  ...stub('duration_where(state boolean)', 'interval'),
  ...stub('duration_in_state(state anyelement)', 'interval'),
  // Marks the subselect that a TIMELINE() call was rewritten to, and carries its options. `spec` is JSON (sql/timeline-marker.ts).
  ...stub(
    'call(spec text, since timestamptz, until timestamptz, at timestamptz[], every interval, origin timestamptz, timezone text, ' +
      'lookback interval, idle interval, fill boolean)',
    'boolean',
  ),
  // One instant or several for `at`.
  ...stub('instants(at timestamptz)', 'timestamptz[]'),
  ...stub('instants(at timestamptz[])', 'timestamptz[]'),
  // Which source columns play which part.
  ...stub('ts(value anyelement)', 'boolean'),
  ...stub('order_by(value anyelement)', 'boolean'),
  ...stub('dedupe(value anyelement)', 'boolean'),
  ...stub('ends("when" boolean)', 'boolean'),
  // In WHERE: an error when the plan is made, unless `ok`; an error when the query runs, unless there are rows.
  ...stub('assert(ok boolean, sqlstate text, message text, place integer)', 'boolean'),
  ...stub('assert_rows(sqlstate text, message text)', 'boolean'),
];

function stub(signature: string, result: string): string[] {
  return [
    `create function timeline_ops.${signature} returns ${result} language plpgsql stable called on null input as ` +
      `$$ begin raise exception 'TIMELINE operators run in the engine only' using errcode = 'XX000'; end $$`,
  ];
}
