"""Writes random Parquet files with page indexes: page_files.py FOLDER SEED FILES.

Columns of all kinds, optional and required, flat and nested; codec, page version, page and row group sizes and dictionaries (which may end in the
middle of a chunk) drawn for each file."""
import datetime
import decimal
import random
import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq

folder, seed, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
CODECS = ["NONE", "SNAPPY", "GZIP", "ZSTD", "BROTLI", "LZ4"]


def word(n):
    return "".join(rng.choice("abcdefgh") for _ in range(n))


def maybe(share, make):
    return None if rng.random() < share else make()


for n in range(files):
    rows = rng.choice([37, 900, 3000, 6000])
    few = [word(rng.randrange(1, 20)) for _ in range(rng.randrange(1, 300))]
    nulls = rng.choice([0, 0, 0.1, 0.9])
    # In runs of rows, so that whole pages are NULL.
    holes = [rng.random() < 0.3 for _ in range(rows // 200 + 1)]
    at = range(rows)
    make = {
        "id": (pa.int64(), False, lambda i: i),
        "same": (pa.int32(), False, lambda i: 7),
        "key": (pa.string(), False, lambda i: rng.choice(few)),
        "code": (pa.string(), True, lambda i: maybe(nulls, lambda: rng.choice(few))),
        "uid": (pa.string(), True, lambda i: maybe(nulls, lambda: word(36))),
        "hole": (pa.int32(), True, lambda i: None if holes[i // 200] else i),
        "flag": (pa.bool_(), True, lambda i: maybe(nulls, lambda: rng.random() < 0.5)),
        "must": (pa.bool_(), False, lambda i: i % 3 == 0),
        "f": (pa.float32(), True, lambda i: maybe(nulls, rng.random)),
        "d": (pa.float64(), False, lambda i: rng.choice([1.5, -0.0, float("nan"), float(i)])),
        "n": (pa.decimal128(20, 3), True, lambda i: maybe(nulls, lambda: decimal.Decimal(rng.randrange(10**9)).scaleb(-3))),
        "day": (pa.date32(), True, lambda i: maybe(nulls, lambda: datetime.date(2025, 1, 1) + datetime.timedelta(rng.randrange(99)))),
        "ts": (pa.timestamp("us", tz="UTC"), True, lambda i: maybe(nulls, lambda: 1_700_000_000_000_000 + i)),
        "raw": (pa.binary(16), True, lambda i: maybe(nulls, lambda: uuid.UUID(int=rng.getrandbits(128)).bytes)),
        "st": (
            pa.struct([pa.field("x", pa.int64(), False), pa.field("y", pa.string()), pa.field("z", pa.struct([("w", pa.int32())]))]),
            True,
            lambda i: maybe(nulls, lambda: {"x": i, "y": maybe(0.5, lambda: rng.choice(few)), "z": maybe(0.3, lambda: {"w": i % 5})}),
        ),
        "rs": (
            pa.struct([pa.field("x", pa.int64(), False), pa.field("y", pa.string(), False)]),
            False,
            lambda i: {"x": i % 10, "y": rng.choice(few)},
        ),
        "l": (pa.list_(pa.int64()), True, lambda i: maybe(nulls, lambda: [maybe(0.2, lambda: i + k) for k in range(rng.randrange(5))])),
        "m": (pa.map_(pa.string(), pa.string()), True, lambda i: maybe(nulls, lambda: [(k, rng.choice(few)) for k in few[: rng.randrange(4)]])),
        "ls": (
            pa.list_(pa.struct([("a", pa.int32()), ("b", pa.string())])),
            True,
            lambda i: maybe(nulls, lambda: [{"a": k, "b": maybe(0.3, lambda: rng.choice(few))} for k in range(rng.randrange(4))]),
        ),
    }
    fields = [pa.field(name, kind, nullable) for name, (kind, nullable, _) in make.items()]
    arrays = [pa.array([value(i) for i in at], kind) for kind, _, value in make.values()]
    plain = {"ts": "DELTA_BINARY_PACKED", "uid": "DELTA_LENGTH_BYTE_ARRAY", "d": "BYTE_STREAM_SPLIT"} if rng.random() < 0.5 else {}
    dictionary = [name for name in make if name not in plain] if plain else rng.random() < 0.9
    pq.write_table(
        pa.table(arrays, schema=pa.schema(fields)),
        f"{folder}/pyarrow-{n}.parquet",
        compression=CODECS[n % len(CODECS)],
        row_group_size=rng.choice([100_000, 4000, 700]),
        data_page_version=rng.choice(["1.0", "2.0"]),
        data_page_size=rng.choice([64, 1000, 8000]),
        write_batch_size=rng.choice([5, 50, 300]),
        dictionary_pagesize_limit=rng.choice([200, 5000, 1 << 20]),
        use_dictionary=dictionary,
        column_encoding=plain or None,
        write_page_index=True,
        write_page_checksum=rng.random() < 0.3,
        store_schema=False,
    )
print("{}")
