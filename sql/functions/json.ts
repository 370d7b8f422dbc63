import type { FunctionEntry, FunctionList } from './entry.js';

/**
 * `->` and `->>` with a constant plain key: where the member is a string (the usual case) DuckDB's own reader gives it;
 * anything else goes through our reader, because DuckDB would lose the digits of numbers and the form of nested values.
 */
function field(slow: string, asText: boolean): FunctionEntry {
  return ([, key]) => {
    const constant = key?.constant;
    if (typeof constant !== 'string' || !/^[A-Za-z_][A-Za-z0-9_ -]*$/.test(constant)) return `${slow}($1, $2)`;
    if (!asText) return `CASE WHEN json_type($1, '$."${constant}"') IS NULL THEN NULL ELSE ${slow}($1, $2) END`;
    const path = `'$."${constant}"'`;
    return (
      `CASE json_type($1, ${path}) WHEN 'VARCHAR' THEN json_extract_string($1, ${path}) WHEN NULL THEN NULL ` +
      `ELSE CASE WHEN json_type($1, ${path}) IS NOT NULL THEN ${slow}($1, $2) END END`
    );
  };
}

/** Values of type jsonb are any valid JSON text in the kernel; results are brought into PostgreSQL's form where they are seen. */
export const JSON_FUNCTIONS: FunctionList = {
  'jsonb_object_field(jsonb,text)': field('tl_jsonb_field', false),
  'jsonb_object_field_text(jsonb,text)': field('tl_jsonb_field_text', true),
  'jsonb_array_element(jsonb,int4)': 'tl_jsonb_element($1, $2)',
  'jsonb_array_element_text(jsonb,int4)': 'tl_jsonb_element_text($1, $2)',
  'jsonb_extract_path(jsonb,_text)': 'tl_jsonb_path($1, $2)',
  'jsonb_extract_path_text(jsonb,_text)': 'tl_jsonb_path_text($1, $2)',
  'jsonb_typeof(jsonb)': 'tl_jsonb_typeof($1)',
  'jsonb_exists(jsonb,text)': 'tl_jsonb_exists($1, $2)',
  'jsonb_array_length(jsonb)': 'tl_jsonb_array_length($1)',
  'numeric(jsonb)': "tl_jsonb_scalar($1, 'numeric')",
  'int4(jsonb)': "tl_numeric_int4(tl_jsonb_scalar($1, 'integer'))",
  'int8(jsonb)': "tl_numeric_int8(tl_jsonb_scalar($1, 'bigint'))",
  'float8(jsonb)': "tl_numeric_float8(tl_jsonb_scalar($1, 'double precision'))",
  'bool(jsonb)': "(tl_jsonb_scalar($1, 'boolean') = 'true')",
};
