import { decimalScale } from '../../../sql/duckdb-type.js';
import { Oid, type Type } from '../../../sql/types.js';
import { BytesSink } from './bytes-sink.js';
import { byteaOf, decimalOf, textOf, uuidOf } from './bytes-value.js';
import { days, decimals, millisOfDay, nanos, scaled, wholeNumbers, wideInstants, wideNumbers } from './finish.js';
import { type Leaf, Physical } from './footer.js';
import type { KnownTexts } from './known-texts.js';
import { KnownTextsSink } from './known-texts-sink.js';
import { BooleanSink, type Finish, FloatSink, Int32Sink, WideSink } from './number-sinks.js';
import type { Sink } from './sink.js';

/** How a leaf is decoded as a type. `wide`: what is tried when `sink`'s throws NotSafe. */
export interface ColumnPlan {
  sink(rowCount: number): Sink;
  readonly wide?: (rowCount: number) => Sink;
  /** Texts with a dictionary that row groups share. */
  readonly known?: (rowCount: number, known: KnownTexts) => Sink;
}

/** Undefined: the leaf is not decoded as that type. Widening is; anything that could lose or change a value is not. */
export function planColumn(leaf: Leaf, type: Type): ColumnPlan | undefined {
  if (!leaf.flat) return undefined;
  const { annotation } = leaf;
  switch (leaf.physical) {
    case Physical.boolean:
      return type.oid === Oid.bool && annotation.kind === 'none' ? { sink: (rows) => new BooleanSink(rows) } : undefined;
    case Physical.int32:
      return int32Plan(leaf, type);
    case Physical.int64:
      return int64Plan(leaf, type);
    case Physical.float:
      return annotation.kind === 'none' && (type.oid === Oid.float4 || type.oid === Oid.float8) ? floats('float') : undefined;
    case Physical.double:
      return annotation.kind === 'none' && type.oid === Oid.float8 ? floats('double') : undefined;
    case Physical.bytes:
    case Physical.fixed:
      return bytesPlan(leaf, type);
    default:
      return undefined;
  }
}

function floats(physical: 'float' | 'double'): ColumnPlan {
  return { sink: (rows) => new FloatSink(rows, physical, (values, valid) => ({ kind: 'numbers', values, valid })) };
}

function int32Plan({ annotation }: Leaf, type: Type): ColumnPlan | undefined {
  const by = (finish: Finish<Int32Array>): ColumnPlan => ({ sink: (rows) => new Int32Sink(rows, finish) });
  switch (annotation.kind) {
    case 'none':
      return wholePlan(32, type);
    case 'integer':
      return annotation.signed ? wholePlan(annotation.bits, type) : undefined;
    case 'date':
      return type.oid === Oid.date ? by(days) : undefined;
    case 'time':
      return type.oid === Oid.time && annotation.unit === 'ms' ? by(millisOfDay) : undefined;
    case 'decimal': {
      const scale = scaleOf(annotation.scale, type);
      return scale === undefined ? undefined : by(decimals(scale));
    }
    default:
      return undefined;
  }
}

/** Numbers of the file's `bits` as a type that has at least these. */
function wholePlan(bits: number, { oid }: Type): ColumnPlan | undefined {
  const most = oid === Oid.int2 ? 16 : oid === Oid.int4 || oid === Oid.int8 ? 32 : 0;
  return bits <= most && bits > 0 ? { sink: (rows) => new Int32Sink(rows, wholeNumbers(bits)) } : undefined;
}

function int64Plan({ annotation }: Leaf, type: Type): ColumnPlan | undefined {
  const by = (finish: Finish<Float64Array>, wide: Finish<BigInt64Array>): ColumnPlan => ({
    sink: (rows) => new FloatSink(rows, 'int64', finish),
    wide: (rows) => new WideSink(rows, wide),
  });
  switch (annotation.kind) {
    case 'none':
      return type.oid === Oid.int8 ? by(scaled(1), wideNumbers) : undefined;
    case 'integer':
      return type.oid === Oid.int8 && annotation.signed && annotation.bits === 64 ? by(scaled(1), wideNumbers) : undefined;
    case 'time':
      return type.oid === Oid.time && annotation.unit === 'us' ? by(scaled(1), wideNumbers) : undefined;
    case 'timestamp': {
      if (type.oid !== (annotation.utc ? Oid.timestamptz : Oid.timestamp)) return undefined;
      if (annotation.unit === 'ns') return { sink: (rows) => new WideSink(rows, nanos(annotation.utc ? '1970' : 'past')) };
      return by(scaled(annotation.unit === 'us' ? 1 : 1000), wideInstants(annotation.unit));
    }
    case 'decimal': {
      const scale = scaleOf(annotation.scale, type);
      return scale === undefined ? undefined : { sink: (rows) => new WideSink(rows, decimals(scale)) };
    }
    default:
      return undefined;
  }
}

function bytesPlan({ annotation, physical, length }: Leaf, type: Type): ColumnPlan | undefined {
  const isFixed = physical === Physical.fixed;
  if (isFixed && length === 0) return undefined;
  const by = (read: ConstructorParameters<typeof BytesSink>[2]): ColumnPlan => ({
    sink: (rows) => new BytesSink(rows, isFixed ? length : 0, read),
  });
  switch (annotation.kind) {
    case 'none':
      return type.oid === Oid.bytea ? by(byteaOf) : undefined;
    case 'text':
      return !isFixed && (type.oid === Oid.text || type.oid === Oid.varchar)
        ? { ...by(textOf), known: (rows, known) => new KnownTextsSink(rows, known) }
        : undefined;
    case 'uuid':
      return type.oid === Oid.uuid && isFixed && length === 16 ? by(uuidOf) : undefined;
    case 'decimal': {
      const scale = scaleOf(annotation.scale, type);
      return scale === undefined ? undefined : by(decimalOf(scale));
    }
    default:
      return undefined;
  }
}

/** Digits after the point are added, never cut off. */
function scaleOf(file: number, type: Type): { readonly file: number; readonly wanted: number } | undefined {
  const wanted = type.oid === Oid.numeric ? decimalScale(type) : undefined;
  return wanted === undefined || file < 0 || file > wanted ? undefined : { file, wanted };
}
