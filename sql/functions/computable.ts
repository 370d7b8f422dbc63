import { functionName } from './signature.js';

/** Volatile functions that may stand in a query over tables: each row has a value of its own, and nothing else changes. */
const VOLATILE: ReadonlySet<string> = new Set([
  'random()',
  'random(int4,int4)',
  'random(int8,int8)',
  'random(numeric,numeric)',
  'random_normal(float8,float8)',
  'gen_random_uuid()',
  'uuidv4()',
  'uuidv7()',
  'uuidv7(interval)',
]);

/** Functions that run SQL from text, or look at files, settings, sessions or catalogues of the PostgreSQL that happens to compute them. */
const DENIED =
  /^(pg_(?!size_pretty|size_bytes|typeof|input_|client_encoding|char_to_encoding|encoding_to_char|column_size|column_compression|lsn|get_keywords|options_to_table|timezone)|lo_|lowrite|loread|dblink|query_to_|cursor_to_|table_to_|schema_to_|database_to_|ts_stat|ts_rewrite|ts_debug|has_|row_security|currtid|txid_|inet_(client|server)|binary_upgrade|to_reg|col_description|obj_description|shobj_description|format_type|current_schemas?|set_config|nextval|currval|lastval|setval|brin_|gin_|gist_|hash_(?!array|record|multirange|range|numeric)|version|getdatabaseencoding|trigger|RI_|suppress_)/;

/** May PostgreSQL compute this function over rows of tables? Its own functions only, and those without effects. */
export function isComputable(fn: string, volatility: 'immutable' | 'stable' | 'volatile'): boolean {
  const name = functionName(fn);
  if (name.includes('.') || DENIED.test(name)) return false;
  return volatility === 'volatile' ? VOLATILE.has(fn) : true;
}
