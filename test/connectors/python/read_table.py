"""What pyiceberg reads of tables: as test/connectors/java/ReadTable.java. Usage: python read_table.py IN OUT."""

import decimal
import json
import struct
import sys
import uuid

import pyarrow as pa
from pyiceberg import expressions as ex
from pyiceberg.table import StaticTable
from pyiceberg.types import BinaryType, FixedType

BINARY = {"eq": ex.EqualTo, "not-eq": ex.NotEqualTo, "lt": ex.LessThan, "lt-eq": ex.LessThanOrEqual, "gt": ex.GreaterThan, "gt-eq": ex.GreaterThanOrEqual}
BINARY |= {"starts-with": ex.StartsWith, "not-starts-with": ex.NotStartsWith}
UNARY = {"is-null": ex.IsNull, "not-null": ex.NotNull, "is-nan": ex.IsNaN, "not-nan": ex.NotNaN}
SETS = {"in": ex.In, "not-in": ex.NotIn}


def attempt(run):
    try:
        return run()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {str(error)[:300]}"}


def read(one):
    table = StaticTable.from_metadata(one["metadata"])
    ids = [snapshot.snapshot_id for snapshot in table.snapshots()]
    return {
        "current": attempt(lambda: rows(table.scan())),
        "snapshots": {str(number): attempt(lambda: rows(table.scan(snapshot_id=number))) for number in ids},
        "counts": [attempt(lambda: table.scan(row_filter=expression(table.schema(), filter)).to_arrow().num_rows) for filter in one["filters"]],
    }


def expression(schema, json):
    """Of Iceberg's JSON of expressions."""
    kind = json["type"]
    if kind == "and":
        return ex.And(expression(schema, json["left"]), expression(schema, json["right"]))
    if kind == "or":
        return ex.Or(expression(schema, json["left"]), expression(schema, json["right"]))
    if kind == "not":
        return ex.Not(expression(schema, json["child"]))
    if kind in UNARY:
        return UNARY[kind](json["term"])
    field = schema.find_field(json["term"])
    value = lambda item: bytes.fromhex(item) if isinstance(field.field_type, (BinaryType, FixedType)) else item
    if kind in SETS:
        return SETS[kind](json["term"], {value(item) for item in json["values"]})
    return BINARY[kind](json["term"], value(json["value"]))


def rows(scan):
    table = scan.to_arrow()
    columns = [[text(scalar, column.type, True) for scalar in column] for column in table.columns]
    return ["[" + ",".join(column[n] for column in columns) + "]" for n in range(table.num_rows)]


def quoted(value):
    return json.dumps(value, ensure_ascii=False)


def text(scalar, t, top=False):
    if not scalar.is_valid:
        return "null"
    if isinstance(t, pa.BaseExtensionType):
        value = scalar.as_py()
        return quoted(str(value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=value)))
    if pa.types.is_timestamp(t) or pa.types.is_date(t) or pa.types.is_time(t):
        return str(scalar.value)
    if pa.types.is_struct(t):
        return "{" + ",".join(f"{quoted(t.field(n).name)}:{text(scalar[n], t.field(n).type)}" for n in range(t.num_fields)) + "}"
    if pa.types.is_map(t):
        pairs = sorted((text(pair[0], t.key_type), text(pair[1], t.item_type)) for pair in scalar.values)
        return "[" + ",".join(f"[{key},{value}]" for key, value in pairs) + "]"
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        return "[" + ",".join(text(item, t.value_type) for item in scalar.values) + "]"
    value = scalar.as_py()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value != value:
            return '"7ff8000000000000"'
        return quoted(struct.pack(">d", value if top or value != 0 else 0.0).hex())
    if isinstance(value, decimal.Decimal):
        return quoted(format(value, "f"))
    if isinstance(value, bytes):
        return quoted("0x" + value.hex())
    return quoted(value) if isinstance(value, str) else str(value)


def main():
    with open(sys.argv[1]) as file:
        tables = json.load(file)
    with open(sys.argv[2], "w") as out:
        json.dump([attempt(lambda: read(one)) for one in tables], out, ensure_ascii=False)


main()
