import { Oid, type Type, type } from '../types.js';
import { fill, type PrintedArgument, raise } from './entry.js';

/**
 * How the kernel computes a set-returning function: DuckDB SQL of one list for each column of its rows, all of one length
 * (NULL: no rows). `$1`… stand for the arguments.
 */
export interface SetFunction {
  readonly lists: (args: readonly PrintedArgument[]) => readonly string[] | undefined;
  /** The columns of a composite result; absent: one column of the call's own type. */
  readonly columns?: readonly { readonly name: string; readonly type: Type }[];
}

/** Rows that one call may give; more would not fit a list. */
const MOST = 50_000_000;

function column(template: string): SetFunction {
  return { lists: (args) => [filled(template, args)] };
}

function filled(template: string, args: readonly PrintedArgument[]): string {
  return fill(
    template,
    args.map((arg) => arg.sql),
  );
}

function pairs(keys: string, values: string, value: number): SetFunction {
  return {
    lists: (args) => [filled(keys, args), filled(values, args)],
    columns: [
      { name: 'key', type: type(Oid.text) },
      { name: 'value', type: type(value) },
    ],
  };
}

/** Whole numbers from `$1` to `$2`. */
function series(step: string): SetFunction {
  const wide = (arg: string): string => `CAST(${arg} AS HUGEINT)`;
  return column(
    `CASE WHEN ${step} = 0 THEN ${raise('22023', 'step size cannot equal zero')} ` +
      `WHEN (${wide('$2')} - ${wide('$1')}) // nullif(${step}, 0) >= ${MOST} THEN ${raise('54000', `generate_series gives more than ${MOST} rows here`)} ` +
      `ELSE generate_series(CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST(${step} AS BIGINT)) END`,
  );
}

const SUBSCRIPTS = 'CASE WHEN $2 = 1 THEN range(1, len($1) + 1) END';

const SET_FUNCTIONS: Readonly<Record<string, SetFunction>> = {
  'unnest(anyarray)': column('$1'),
  'generate_series(int4,int4)': series('1'),
  'generate_series(int4,int4,int4)': series('$3'),
  'generate_series(int8,int8)': series('1'),
  'generate_series(int8,int8,int8)': series('$3'),
  'generate_series(timestamp,timestamp,interval)': column('tl_series_timestamp($1, $2, $3)'),
  'generate_series(timestamptz,timestamptz,interval)': column('tl_series_timestamptz($1, $2, $3)'),
  'generate_series(timestamptz,timestamptz,interval,text)': column('tl_series_zone($1, $2, $3, $4)'),
  'generate_subscripts(anyarray,int4)': column(SUBSCRIPTS),
  'generate_subscripts(anyarray,int4,bool)': column(`CASE WHEN $3 THEN list_reverse(${SUBSCRIPTS}) WHEN NOT $3 THEN ${SUBSCRIPTS} END`),
  'jsonb_array_elements(jsonb)': column('tl_jsonb_elements($1)'),
  'jsonb_array_elements_text(jsonb)': column('tl_jsonb_elements_text($1)'),
  'jsonb_object_keys(jsonb)': column("tl_jsonb_keys($1, 'jsonb_object_keys')"),
  'jsonb_each(jsonb)': pairs("tl_jsonb_keys($1, 'jsonb_each')", 'tl_jsonb_values($1)', Oid.jsonb),
  'jsonb_each_text(jsonb)': pairs("tl_jsonb_keys($1, 'jsonb_each_text')", 'tl_jsonb_values_text($1)', Oid.text),
  'json_array_elements(json)': column("tl_json_elements($1, 'json_array_elements')"),
  'json_array_elements_text(json)': column("tl_json_elements_text($1, 'json_array_elements_text')"),
  'json_object_keys(json)': column("tl_json_keys($1, 'json_object_keys')"),
  'json_each(json)': pairs("tl_json_keys($1, 'json_each')", 'tl_json_values($1)', Oid.json),
  'json_each_text(json)': pairs("tl_json_keys($1, 'json_each_text')", 'tl_json_values_text($1)', Oid.text),
  // Without a separator, a row for each character.
  'string_to_table(text,text)': column('CASE WHEN $2 IS NULL THEN tl_characters($1) ELSE tl_split($1, $2) END'),
  'string_to_table(text,text,text)': column(
    'list_transform(CASE WHEN $2 IS NULL THEN tl_characters($1) ELSE tl_split($1, $2) END, lambda part: nullif(part, $3))',
  ),
};

export function setFunction(signature: string): SetFunction | undefined {
  return Object.hasOwn(SET_FUNCTIONS, signature) ? SET_FUNCTIONS[signature] : undefined;
}
