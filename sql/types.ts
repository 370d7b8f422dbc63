/** A PostgreSQL type: its OID in pg_type and its modifier (-1: none). */
export interface Type {
  readonly oid: number;
  readonly typmod: number;
}

export const Oid = {
  bool: 16,
  bytea: 17,
  char: 18,
  name: 19,
  int8: 20,
  int2: 21,
  int4: 23,
  regproc: 24,
  text: 25,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  unknown: 705,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  timetz: 1266,
  numeric: 1700,
  uuid: 2950,
  record: 2249,
  void: 2278,
  regclass: 2205,
  regtype: 2206,
  jsonb: 3802,
} as const;

/** OID of the array type over an element type, for the types that columns may have. */
export const ARRAY_OF: ReadonlyMap<number, number> = new Map([
  [Oid.bool, 1000],
  [Oid.bytea, 1001],
  [Oid.char, 1002],
  [Oid.name, 1003],
  [Oid.int2, 1005],
  [Oid.int4, 1007],
  [Oid.text, 1009],
  [Oid.bpchar, 1014],
  [Oid.varchar, 1015],
  [Oid.int8, 1016],
  [Oid.float4, 1021],
  [Oid.float8, 1022],
  [Oid.oid, 1028],
  [Oid.timestamp, 1115],
  [Oid.date, 1182],
  [Oid.time, 1183],
  [Oid.timestamptz, 1185],
  [Oid.interval, 1187],
  [Oid.numeric, 1231],
  [Oid.timetz, 1270],
  [Oid.json, 199],
  [Oid.uuid, 2951],
  [Oid.jsonb, 3807],
]);

/** OID of the element type of an array type. */
export const ELEMENT_OF: ReadonlyMap<number, number> = new Map([...ARRAY_OF].map(([element, array]) => [array, element]));

/** pg_type.typname by OID for the types above ('_text' for arrays). */
export const TYPE_NAME: ReadonlyMap<number, string> = new Map([
  ...Object.entries(Oid).map(([name, oid]): [number, string] => [oid, name]),
  ...[...ARRAY_OF].map(([element, array]): [number, string] => {
    const name = Object.entries(Oid).find(([, oid]) => oid === element)?.[0] ?? 'unknown';
    return [array, `_${name}`];
  }),
]);

export function type(oid: number, typmod = -1): Type {
  return { oid, typmod };
}

/** pg_type.typname, or `oid 1234` where we have no name for it. */
export function typeName(t: Type | number): string {
  const oid = typeof t === 'number' ? t : t.oid;
  return TYPE_NAME.get(oid) ?? `oid ${oid}`;
}

/** What a numeric's modifier says (the scale may be negative); undefined: no numeric, or one without modifier. */
export function numericModifier({ oid, typmod }: Type): { readonly precision: number; readonly scale: number } | undefined {
  if (oid !== Oid.numeric || typmod < 4) return undefined;
  return { precision: ((typmod - 4) >> 16) & 0xffff, scale: (((typmod - 4) & 0x7ff) ^ 1024) - 1024 };
}
