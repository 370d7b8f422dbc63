"""Compares what manifests tell of data files (counts, bounds) with what the files hold, by pyarrow. Usage: python check_metrics.py IN OUT.

IN: [{"metadata": location, "snapshots": [ids whose files are checked], "exact": must every bound be there, and be the best?}].
OUT: [{"files": n, "lower": n, "upper": n, "cut": bounds that are parts of a text, "wrong": [texts]}]. Parquet only.
"""

import decimal
import json
import struct
import sys

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.table import StaticTable

decimal.getcontext().prec = 100
DAY = 86_400_000_000
# Years beyond 1 to 9999 may go without a bound.
DAYS = (-719162, 2932896)


def leaves(array, field_type, field_id, name):
    """(id, name, type, values) of columns outside of lists and maps; NULL for what is in a NULL struct."""
    if field_type.is_struct:
        ids = {int(array.type.field(n).metadata[b"PARQUET:field_id"]): n for n in range(array.type.num_fields)}
        for field in field_type.fields:
            if field.field_id in ids:
                # flatten() hands the struct's NULLs down, field() does not.
                child = array.flatten()[ids[field.field_id]]
                yield from leaves(child, field.field_type, field.field_id, f"{name}.{field.name}" if name else field.name)
    elif field_type.is_primitive:
        yield field_id, name, str(field_type), values(array, str(field_type))


def values(array, kind):
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if kind.startswith("timestamp"):
        assert array.type.unit == "us"
    if kind in ("date", "time") or kind.startswith("timestamp"):
        return array.cast(pa.int32() if kind == "date" else pa.int64()).to_pylist()
    if kind.startswith("decimal"):
        return [None if value is None else int(value.scaleb(array.type.scale)) for value in array.to_pylist()]
    return array.to_pylist()


def decoded(kind, data):
    """Iceberg's single-value serialization."""
    if kind == "boolean":
        return data != b"\0"
    if kind in ("int", "date", "float"):
        return struct.unpack("<f" if kind == "float" else "<i", data)[0]
    if kind in ("long", "time", "double") or kind.startswith("timestamp"):
        return struct.unpack("<d" if kind == "double" else "<q", data)[0]
    if kind.startswith("decimal"):
        return int.from_bytes(data, "big", signed=True)
    return data.decode() if kind == "string" else data


def best(kind, least, most, cut):
    """Bounds that keep `cut` characters or bytes; None: there is none."""
    if cut is None or kind not in ("string", "binary"):
        return least, most
    if len(most) <= cut:
        return least[:cut], most
    points = [ord(one) for one in most] if kind == "string" else list(most)
    for last in range(cut - 1, -1, -1):
        if points[last] < (0x10FFFF if kind == "string" else 255):
            following = 0xE000 if kind == "string" and points[last] == 0xD7FF else points[last] + 1
            head = most[:last]
            return least[:cut], head + (chr(following) if kind == "string" else bytes([following]))
    return least[:cut], None


def mode_of(table):
    """Of a column's id and name: 'none', 'counts', 'full', or how many characters are kept."""
    default = table.properties.get("write.metadata.metrics.default", "truncate(16)")
    ordered = {field.source_id for field in table.sort_order().fields}

    def mode(field_id, name):
        own = table.properties.get(f"write.metadata.metrics.column.{name}")
        text = own or ("truncate(16)" if default in ("none", "counts") and field_id in ordered else default)
        return int(text[9:-1]) if text.startswith("truncate(") else text

    return mode


def missing_allowed(kind, value):
    day = value if kind == "date" else value // DAY if kind.startswith("timestamp") else 0
    return not DAYS[0] <= day <= DAYS[1]


def check_file(file, schema, mode, exact, told):
    array = pq.ParquetFile(file.file_path.removeprefix("file://")).read().to_struct_array()
    array = pa.concat_arrays(array.chunks)
    if file.record_count != len(array):
        told["wrong"].append(f"{file.file_path}: {file.record_count} rows, not {len(array)}")
    for field_id, name, kind, held in leaves(array, schema.as_struct(), None, ""):
        wrong = lambda text: told["wrong"].append(f"{file.file_path.split('/')[-1]} {name} {kind}: {text}")
        present = [value for value in held if value is not None]
        numbers = [value for value in present if value == value]
        kept = mode(field_id, name)
        floating = kind in ("float", "double")
        for what, counts, truth in (
            ("values", file.value_counts, len(held)),
            ("NULLs", file.null_value_counts, len(held) - len(present)),
            ("NaNs", file.nan_value_counts, len(present) - len(numbers) if floating else None),
        ):
            count = (counts or {}).get(field_id)
            if count is None and exact and kept != "none" and truth is not None:
                wrong(f"does not tell its {what}")
            if count is not None and truth is not None and count != truth:
                wrong(f"{count} {what}, not {truth}")
        least, most = (min(numbers), max(numbers)) if numbers else (None, None)
        if numbers and floating:
            # One zero may stand for both.
            least, most = -0.0 if least == 0 else least, 0.0 if most == 0 else most
        wanted = best(kind, least, most, kept if isinstance(kept, int) else None) if numbers and kept not in ("none", "counts") else (None, None)
        for side, bounds, true, want in (("lower", file.lower_bounds, least, wanted[0]), ("upper", file.upper_bounds, most, wanted[1])):
            data = (bounds or {}).get(field_id)
            if data is None:
                if exact and want is not None and not missing_allowed(kind, true):
                    wrong(f"no {side} bound, {true!r} is there")
                continue
            bound = decoded(kind, data)
            told[side] += 1
            if not numbers:
                if exact:
                    wrong(f"{side} bound {bound!r}, and no value")
                continue
            told["cut"] += bound != true
            if bound > true if side == "lower" else bound < true:
                wrong(f"{side} bound {bound!r}, {true!r} is there")
            elif exact and (bound != want or str(bound) != str(want)):
                wrong(f"{side} bound {bound!r}, {want!r} is the best")


def check(one):
    table = StaticTable.from_metadata(one["metadata"])
    told = {"files": 0, "lower": 0, "upper": 0, "cut": 0, "wrong": []}
    snapshot = table.current_snapshot()
    for manifest in snapshot.manifests(table.io) if snapshot else []:
        for entry in manifest.fetch_manifest_entry(table.io):
            if str(entry.snapshot_id) in one["snapshots"] and entry.data_file.content == 0:
                told["files"] += 1
                check_file(entry.data_file, table.schema(), mode_of(table), one["exact"], told)
    return told


def main():
    with open(sys.argv[1]) as file:
        tables = json.load(file)
    with open(sys.argv[2], "w") as out:
        json.dump([check(one) for one in tables], out, ensure_ascii=False)


main()
