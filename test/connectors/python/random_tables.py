"""Random tables by pyiceberg, with random schema and spec evolution, copy-on-write deletes and overwrites, and what pyiceberg reads of
each snapshot, as digests. Usage: python random_tables.py FOLDER SEED TABLES. Writes FOLDER/catalog.db (SqlCatalog `random`),
FOLDER/warehouse and FOLDER/expected.json. The last line of its output is JSON."""

import datetime as dt
import decimal
import hashlib
import json
import math
import os
import random
import sys
import uuid

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    TruncateTransform,
    YearTransform,
)
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

WORDS = ["", "a", "ab", "abc", "b", "zz", "Zürich", "日本語", "😀 smile", "long text that goes beyond the sixteen that bounds keep", "quote's", "NULL"]
EPOCH = dt.datetime(1970, 1, 1)


class Maker:
    def __init__(self, rng, catalog, name):
        self.rng, self.catalog, self.name = rng, catalog, name
        self.operations, self.names, self.ids = [], 0, 0

    def next_id(self):
        self.ids += 1
        return self.ids

    def scalar(self, depth=1):
        # pyarrow makes no nested arrays of an extension type from values.
        return self.rng.choice(
            [UUIDType()] * (depth == 0)
            + [
                BooleanType(), IntegerType(), IntegerType(), LongType(), FloatType(), DoubleType(), DecimalType(9, 2), DecimalType(31, 5), DateType(),
                TimeType(), TimestampType(), TimestamptzType(), StringType(), StringType(), BinaryType(), FixedType(3),
            ]
        )

    def any_type(self, depth=0):
        kind = self.rng.randrange(10) if depth < 3 else 9
        if kind == 0:
            return ListType(self.next_id(), self.any_type(depth + 1), element_required=False)
        if kind == 1:
            return MapType(self.next_id(), StringType(), self.next_id(), self.any_type(depth + 1), value_required=False)
        if kind in (2, 3):
            return StructType(*[NestedField(self.next_id(), f"f{n}", self.any_type(depth + 1), required=False) for n in range(self.rng.randint(1, 3))])
        return self.scalar(depth)

    def transform(self, type_):
        if isinstance(type_, DateType):
            return self.rng.choice([YearTransform(), MonthTransform(), DayTransform(), IdentityTransform()])
        if isinstance(type_, (TimestampType, TimestamptzType)):
            return self.rng.choice([DayTransform(), HourTransform(), MonthTransform()])
        if isinstance(type_, (LongType, IntegerType, StringType)):
            return self.rng.choice([BucketTransform(3), TruncateTransform(3), IdentityTransform()])
        if isinstance(type_, DecimalType):
            return self.rng.choice([BucketTransform(2), IdentityTransform()])
        return IdentityTransform() if isinstance(type_, BooleanType) else None

    def make(self):
        rng = self.rng
        fields = [NestedField(self.next_id(), "id", LongType(), required=False)]
        for n in range(rng.randint(2, 6)):
            identifier = self.next_id()
            fields.append(NestedField(identifier, f"c{n}", self.any_type(), required=False))
        self.names = len(fields)
        parts, sources = [], [field for field in fields if self.transform(field.field_type) is not None]
        for n, field in enumerate(rng.sample(sources, min(len(sources), rng.randrange(3)))):
            parts.append(PartitionField(field.field_id, 1000 + n, self.transform(field.field_type), f"p{n}"))
        properties = {
            "format-version": str(rng.choice([1, 2, 2])),
            "write.parquet.compression-codec": rng.choice(["zstd", "snappy", "gzip", "none", "brotli"]),
            "write.parquet.row-group-limit": rng.choice(["1048576", "7"]),
        }
        self.table = self.catalog.create_table(f"db.{self.name}", Schema(*fields), partition_spec=PartitionSpec(*parts), properties=properties)
        self.append()
        for _ in range(rng.randint(3, 8)):
            step = rng.choice([self.append, self.append, self.change_schema, self.change_schema, self.change_spec, self.delete, self.overwrite, self.tag])
            try:
                step()
            except Exception as error:  # Not every change goes with every table: then it did not happen.
                self.operations.append(f"{step.__name__} refused: {type(error).__name__}: {str(error)[:80]}")
                self.table = self.catalog.load_table(f"db.{self.name}")

    def rows(self):
        schema = self.table.schema().as_arrow()
        count = self.rng.randint(1, 40)
        columns = [self.array(field.type, count) for field in schema]
        return pa.Table.from_arrays(columns, schema=schema)

    def array(self, t, count):
        values = [self.value(t, True) for _ in range(count)]
        if isinstance(t, pa.BaseExtensionType):
            return pa.ExtensionArray.from_storage(t, pa.array(values, type=t.storage_type))
        return pa.array(values, type=t)

    def append(self):
        rows = self.rows()
        self.table.append(rows)
        self.operations.append(f"append {rows.num_rows}")

    def overwrite(self):
        rows = self.rows()
        low = self.rng.randint(-10, 40)
        self.table.overwrite(rows, overwrite_filter=f"id >= {low} and id < {low + 10}")
        self.operations.append(f"overwrite {low}")

    def delete(self):
        low = self.rng.randint(-10, 40)
        self.table.delete(delete_filter=f"id >= {low} and id < {low + 8}")
        self.operations.append(f"delete {low}")

    def tag(self):
        name = f"ref{self.names}"
        self.names += 1
        self.table.manage_snapshots().create_tag(self.table.current_snapshot().snapshot_id, name).commit()
        self.operations.append(name)

    def change_schema(self):
        rng = self.rng
        fields = self.table.schema().fields
        field = rng.choice(fields)
        kind = rng.randrange(6)
        fresh = rng.choice(["reused", f"n{self.names}", f"n{self.names}"])
        self.names += 1
        with self.table.update_schema() as update:
            if kind == 0:
                update.rename_column(field.name, fresh)
            elif kind == 1 and field.name != "id":
                update.delete_column(field.name)
            elif kind == 2:
                update.add_column(fresh, self.any_type())
            elif kind == 3:
                update.move_first(field.name)
            elif kind == 4 and isinstance(field.field_type, StructType):
                inner = rng.choice(field.field_type.fields)
                if rng.random() < 0.5:
                    update.rename_column((field.name, inner.name), f"y{self.names}")
                else:
                    update.add_column((field.name, f"x{self.names}"), self.scalar())
            elif isinstance(field.field_type, IntegerType):
                update.update_column(field.name, field_type=LongType())
            elif isinstance(field.field_type, FloatType):
                update.update_column(field.name, field_type=DoubleType())
            elif isinstance(field.field_type, DecimalType):
                update.update_column(field.name, field_type=DecimalType(min(38, field.field_type.precision + 5), field.field_type.scale))
        self.operations.append(f"schema {kind} {field.name} {fresh}")

    def change_spec(self):
        fields = self.table.spec().fields
        with self.table.update_spec() as update:
            if fields and self.rng.random() < 0.5:
                update.remove_field(self.rng.choice(fields).name)
            else:
                field = self.rng.choice(self.table.schema().fields)
                transform = self.transform(field.field_type)
                if transform is not None:
                    update.add_field(field.name, transform, f"q{self.names}")
                    self.names += 1
        self.operations.append("spec")

    def value(self, t, optional):
        rng = self.rng
        if optional and rng.randrange(6) == 0:
            return None
        if isinstance(t, pa.BaseExtensionType):
            return uuid.UUID(int=rng.randrange(3) << 125 | rng.randrange(4)).bytes
        if pa.types.is_boolean(t):
            return rng.random() < 0.5
        if pa.types.is_int32(t):
            return rng.choice([2**31 - 1, -(2**31) + 100]) if rng.randrange(12) == 0 else rng.randint(-5, 15)
        if pa.types.is_int64(t):
            return rng.choice([2**63 - 1, 2**53 + 1]) if rng.randrange(12) == 0 else rng.randint(-10, 50)
        if pa.types.is_floating(t):
            return float("nan") if rng.randrange(10) == 0 else float("inf") if rng.randrange(12) == 0 else rng.randint(-20, 20) / 4
        if pa.types.is_decimal(t):
            most = 10**t.precision - 1
            with decimal.localcontext(prec=60):
                return decimal.Decimal(most if rng.randrange(8) == 0 else rng.randint(-1000, 1000)).scaleb(-t.scale)
        if pa.types.is_date(t):
            return dt.date(1969 + rng.randrange(3), 1 + rng.randrange(12), 1 + rng.randrange(28))
        if pa.types.is_time(t):
            return dt.time(rng.randrange(24), rng.randrange(60), 0, rng.randrange(3))
        if pa.types.is_timestamp(t):
            value = EPOCH + dt.timedelta(microseconds=rng.randint(-200, 200) * 1_800_000_000 + rng.randrange(2))
            return value.replace(tzinfo=dt.timezone.utc) if t.tz else value
        if pa.types.is_string(t) or pa.types.is_large_string(t):
            return rng.choice(WORDS)
        if pa.types.is_fixed_size_binary(t):
            return bytes([rng.randrange(256)]) * t.byte_width
        if pa.types.is_binary(t) or pa.types.is_large_binary(t):
            return bytes(rng.randrange(256) for _ in range(rng.randrange(5)))
        if pa.types.is_list(t) or pa.types.is_large_list(t):
            return [self.value(t.value_type, True) for _ in range(rng.randrange(4))]
        if pa.types.is_map(t):
            return [(word, self.value(t.item_type, True)) for word in rng.sample(WORDS, rng.randrange(4))]
        if pa.types.is_struct(t):
            return {t.field(n).name: self.value(t.field(n).type, True) for n in range(t.num_fields)}
        raise TypeError(str(t))

    def expected(self):
        self.table = self.catalog.load_table(f"db.{self.name}")
        snapshots = [
            {"id": str(one.snapshot_id), "op": one.summary.operation.value, "rows": self.digest(one.snapshot_id)} for one in self.table.snapshots()
        ]
        return {
            "table": self.name,
            "metadata": self.table.metadata_location,
            "format": self.table.format_version,
            "current": self.digest(None),
            "snapshots": snapshots,
            "refs": {name: str(ref.snapshot_id) for name, ref in self.table.metadata.refs.items()},
            "operations": self.operations,
        }

    def digest(self, snapshot):
        """None where pyiceberg itself cannot read."""
        try:
            return digest(self.table.scan(snapshot_id=snapshot).to_arrow())
        except Exception as error:
            self.operations.append(f"unreadable: {type(error).__name__} {str(error)[:80]}")
            return None


def one(scalar, t):
    if not scalar.is_valid:
        return None
    if isinstance(t, pa.BaseExtensionType):
        value = scalar.as_py()
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=value))
    if pa.types.is_timestamp(t):
        seconds, micros = divmod(scalar.value, 1_000_000)
        return (EPOCH + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S") + f".{micros:06d}" + ("Z" if t.tz else "")
    if pa.types.is_struct(t):
        return {t.field(n).name: one(scalar[n], t.field(n).type) for n in range(t.num_fields)}
    if pa.types.is_map(t):
        pairs = [[one(pair[0], t.key_type), one(pair[1], t.item_type)] for pair in scalar.values]
        return sorted(pairs, key=lambda pair: json.dumps(pair[0], ensure_ascii=False))
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        return [one(item, t.value_type) for item in scalar.values]
    value = scalar.as_py()
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return int(value) if value == int(value) else value
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, dt.time):
        return value.strftime("%H:%M:%S.%f")
    return "0x" + value.hex() if isinstance(value, bytes) else value


def digest(table):
    columns = [[one(scalar, column.type) for scalar in column] for column in table.columns]
    rows = [json.dumps([column[n] for column in columns], ensure_ascii=False, separators=(",", ":")) for n in range(table.num_rows)]
    rows.sort(key=lambda row: row.encode())
    sha256 = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return {"rows": len(rows), "sha256": sha256, "columns": table.column_names, "first": [json.loads(row) for row in rows[:2]]}


def main():
    folder, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.makedirs(f"{folder}/warehouse", exist_ok=True)
    catalog = SqlCatalog("random", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")
    catalog.create_namespace("db")
    results = []
    for n in range(count):
        maker = Maker(random.Random(seed * 1_000_003 + n), catalog, f"t{n}")
        maker.make()
        results.append(maker.expected())
    with open(f"{folder}/expected.json", "w") as out:
        json.dump(results, out, ensure_ascii=False)
    print(json.dumps({"tables": count}))


main()
