"""Writes random Parquet files for the decoder of typed columns: typed_columns.py FOLDER SEED FILES.

Each file has one column for each kind of value, in an encoding, codec, page version and page size drawn for it; the last line of the
output is JSON: the names of the files with what was drawn."""
import datetime
import decimal
import json
import random
import struct
import sys

import pyarrow as pa
import pyarrow.parquet as pq

folder, seed, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
EPOCH = datetime.datetime(1970, 1, 1)


def text():
    kind = rng.random()
    if kind < 0.5:
        return "".join(rng.choice("abcdef-") for _ in range(rng.choice([0, 1, 7, 12, 13, 36, 130])))
    return "".join(rng.choice("aé\u20ac\U0001f600\ufffd\u0000z") for _ in range(rng.randrange(40)))


def few(make, most=50):
    values = [make() for _ in range(rng.randrange(1, most))]
    return lambda: rng.choice(values)


def walk(start, step):
    at = [start]

    def make():
        at[0] += rng.randrange(-2, step)
        return at[0]

    return make


def some(maker):
    """Values that repeat, or do not, or do for a while."""
    kind = rng.randrange(4)
    if kind == 0:
        return few(maker)
    if kind == 1:
        return maker
    once, count = few(maker), [0]

    def make():
        count[0] += 1
        return once() if count[0] < 700 else maker()

    return make


def bits(n):
    return lambda: rng.getrandbits(rng.randrange(1, n + 1)) - (1 << (n - 1) if rng.random() < 0.3 else 0)


def clip(n, make):
    low, high = -(1 << (n - 1)), (1 << (n - 1)) - 1
    return lambda: max(low, min(high, make()))


def dec(digits, scale):
    return lambda: decimal.Decimal(rng.randrange(-(10**digits) + 1, 10**digits)).scaleb(-scale, decimal.Context(prec=60))


def kinds():
    integer = ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT", "dictionary"]
    blob = ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "dictionary"]
    fixed = ["PLAIN", "BYTE_STREAM_SPLIT", "DELTA_BYTE_ARRAY", "dictionary"]
    real = ["PLAIN", "BYTE_STREAM_SPLIT", "dictionary"]
    micros = rng.choice([walk(1700000000000000, 1000), clip(60, bits(60)), walk(-5, 3)])
    return {
        "bool": (pa.bool_(), lambda: rng.random() < 0.5, ["PLAIN", "RLE"]),
        "int2": (pa.int16(), some(clip(16, bits(16))), integer),
        "int4": (pa.int32(), rng.choice([walk(0, 5), some(clip(32, bits(32)))]), integer),
        "int8": (pa.int64(), rng.choice([walk(1 << 40, 900), some(clip(53, bits(53)))]), integer),
        "big": (pa.int64(), some(clip(64, bits(64))), integer),
        "float4": (pa.float32(), some(lambda: struct.unpack("f", struct.pack("f", rng.gauss(0, 1e6)))[0]), real),
        "float8": (pa.float64(), some(lambda: rng.choice([rng.gauss(0, 1), float("nan"), float("inf"), -0.0])), real),
        "text": (pa.string(), some(text), blob),
        "key": (pa.string(), rng.choice([few(text, 300), text]), blob),
        "bytea": (pa.binary(), some(lambda: rng.randbytes(rng.randrange(20))), blob),
        "fixed": (pa.binary(5), some(lambda: rng.randbytes(5)), fixed),
        "date": (pa.date32(), some(lambda: rng.randrange(-800000, 800000)), integer),
        "ts_us": (pa.timestamp("us"), micros, integer),
        "tz_us": (pa.timestamp("us", tz="UTC"), some(micros), integer),
        "ts_ms": (pa.timestamp("ms"), rng.choice([walk(1700000000000, 50), some(clip(50, bits(50)))]), integer),
        "tz_ms": (pa.timestamp("ms", tz="UTC"), some(clip(50, bits(50))), integer),
        "ts_ns": (pa.timestamp("ns"), rng.choice([walk(1700000000000000000, 5000), walk(-7, 3), some(clip(63, bits(63)))]), integer),
        "tz_ns": (pa.timestamp("ns", tz="UTC"), rng.choice([walk(1700000000000000000, 5000), walk(-7, 3)]), integer),
        "time_us": (pa.time64("us"), some(lambda: rng.randrange(86400000000)), integer),
        "time_ms": (pa.time32("ms"), some(lambda: rng.randrange(86400000)), integer),
        "dec9_2": (pa.decimal128(9, 2), some(dec(9, 2)), None),
        "dec17_4": (pa.decimal128(17, 4), some(dec(17, 4)), None),
        "dec38_10": (pa.decimal128(38, 10), some(dec(38, 10)), None),
    }


written = []
for number in range(files):
    rows = rng.choice([0, 1, 7, 900, 3000, 9000])
    nulls = rng.choice([0, 0, 0.02, 0.5, 0.99, 1])
    arrays, fields, encodings, dictionaries = [], [], {}, []
    for name, (type_, make, choices) in kinds().items():
        optional = rng.random() < 0.8
        share = nulls if optional else 0
        # NULLs alone and in runs.
        run = rng.choice([1, 100])
        gaps = [rng.random() < share for _ in range(rows // run + 1)]
        values = [None if gaps[i // run] else make() for i in range(rows)]
        storage = type_
        if pa.types.is_temporal(type_):
            storage = pa.int32() if type_.bit_width == 32 else pa.int64()
        arrays.append(pa.array(values, storage).cast(type_) if storage != type_ else pa.array(values, type_))
        fields.append(pa.field(name, type_, nullable=optional))
        encoding = "dictionary" if choices is None and rng.random() < 0.5 else rng.choice(choices or ["PLAIN"])
        encodings[name] = encoding
        if encoding == "dictionary":
            dictionaries.append(name)
    options = {
        "compression": rng.choice(["none", "snappy", "gzip", "zstd", "lz4", "brotli"]),
        "data_page_version": rng.choice(["1.0", "2.0"]),
        "data_page_size": rng.choice([64, 1000, 20000, 1 << 20]),
        "dictionary_pagesize_limit": rng.choice([200, 3000, 1 << 20]),
        "write_batch_size": rng.choice([10, 100, 1024]),
        "row_group_size": rng.choice([500, 4000, 1 << 20]),
        "write_page_checksum": rng.random() < 0.5,
        "store_decimal_as_integer": rng.random() < 0.6,
        "version": "2.6",
    }
    name = f"t{number}.parquet"
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    plain = {column: encoding for column, encoding in encodings.items() if encoding != "dictionary"}
    pq.write_table(table, f"{folder}/{name}", use_dictionary=dictionaries, column_encoding=plain, **options)
    # DuckDB reads split streams of floats only: it gets the same rows in another encoding.
    readable = {column: "PLAIN" if encoding == "BYTE_STREAM_SPLIT" else encoding for column, encoding in plain.items()}
    pq.write_table(table, f"{folder}/twin-{name}", use_dictionary=dictionaries, column_encoding=readable, **options)
    written.append({"name": name, "twin": f"twin-{name}", "drawn": {**options, **encodings, "rows": rows, "nulls": nulls}})
print(json.dumps(written))
