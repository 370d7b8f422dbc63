import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.MetadataColumns;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.StaticTableOperations;
import org.apache.iceberg.Table;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.ExpressionParser;
import org.apache.iceberg.hadoop.HadoopFileIO;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.TypeUtil;
import org.apache.iceberg.types.Types;

/**
 * What Iceberg's reference implementation reads of tables. Usage: java -cp JARS ReadTable.java IN OUT. IN is a JSON list of
 * {"metadata": location, "filters": [Iceberg's expression as JSON]}; OUT one of {"current": [row], "lineage": [row with its id and when it
 * changed last], "snapshots": {id: [row]}, "counts": [rows that a filter lets through]}, with {"error": text} in the place of what failed. The text of rows: test/connectors/table-readers.ts.
 */
public class ReadTable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Schema LINEAGE = new Schema(MetadataColumns.ROW_ID, MetadataColumns.LAST_UPDATED_SEQUENCE_NUMBER);

  private interface Reading {
    String run() throws Exception;
  }

  public static void main(String[] args) throws Exception {
    List<String> results = new ArrayList<>();
    for (JsonNode one : JSON.readTree(Path.of(args[0]).toFile())) {
      results.add(attempt(() -> read(one)));
    }
    Files.writeString(Path.of(args[1]), "[" + String.join(",\n", results) + "]\n");
  }

  private static String attempt(Reading reading) throws Exception {
    try {
      return reading.run();
    } catch (Exception | AssertionError e) {
      String where = e.getStackTrace().length == 0 ? "" : " at " + e.getStackTrace()[0];
      return "{\"error\":" + quoted(String.valueOf(e).split("\n")[0] + where) + "}";
    }
  }

  private static String read(JsonNode one) throws Exception {
    var operations = new StaticTableOperations(one.get("metadata").asText(), new HadoopFileIO(new Configuration()));
    Table table = new BaseTable(operations, "t");
    List<String> snapshots = new ArrayList<>();
    for (Snapshot snapshot : table.snapshots()) {
      Schema schema = snapshot.schemaId() == null ? table.schema() : table.schemas().get(snapshot.schemaId());
      snapshots.add("\"" + snapshot.snapshotId() + "\":" + attempt(() -> rows(table, schema, snapshot)));
    }
    List<String> counts = new ArrayList<>();
    for (JsonNode filter : one.get("filters")) counts.add(attempt(() -> count(table, ExpressionParser.fromJson(filter.toString(), table.schema()))));
    String current = attempt(() -> rows(table, table.schema(), table.currentSnapshot()));
    String lineage = attempt(() -> rows(table, TypeUtil.join(table.schema(), LINEAGE), table.currentSnapshot()));
    return "{\"current\":" + current + ",\"lineage\":" + lineage + ",\"snapshots\":{" + String.join(",", snapshots) + "},\"counts\":[" + String.join(",", counts) + "]}";
  }

  private static String rows(Table table, Schema schema, Snapshot snapshot) throws Exception {
    List<String> rows = new ArrayList<>();
    if (snapshot == null) return "[]";
    try (CloseableIterable<Record> records = IcebergGenerics.read(table).useSnapshot(snapshot.snapshotId()).project(schema).build()) {
      for (Record record : records) {
        List<String> values = new ArrayList<>();
        for (Types.NestedField field : schema.columns()) values.add(json(field.type(), record.getField(field.name()), true));
        rows.add(quoted("[" + String.join(",", values) + "]"));
      }
    }
    return "[" + String.join(",", rows) + "]";
  }

  private static String count(Table table, Expression filter) throws Exception {
    long count = 0;
    try (CloseableIterable<Record> records = IcebergGenerics.read(table).where(filter).build()) {
      for (Record ignored : records) count++;
    }
    return String.valueOf(count);
  }

  private static String json(Type type, Object value, boolean top) {
    if (value == null) return "null";
    switch (type.typeId()) {
      case BOOLEAN, INTEGER, LONG:
        return value.toString();
      case FLOAT, DOUBLE: {
        double number = ((Number) value).doubleValue();
        // JSON in between has one zero.
        if (!top && number == 0) number = 0;
        return quoted(String.format("%016x", Double.doubleToLongBits(number)));
      }
      case DECIMAL:
        return quoted(((BigDecimal) value).toPlainString());
      case DATE:
        return String.valueOf(((LocalDate) value).toEpochDay());
      case TIME:
        return String.valueOf(((LocalTime) value).toNanoOfDay() / 1000);
      case TIMESTAMP: {
        LocalDateTime time = value instanceof OffsetDateTime ? ((OffsetDateTime) value).toLocalDateTime() : (LocalDateTime) value;
        return String.valueOf(time.toEpochSecond(ZoneOffset.UTC) * 1_000_000 + time.getNano() / 1000);
      }
      case STRING, UUID:
        return quoted(value.toString());
      case FIXED, BINARY: {
        if (value instanceof byte[]) return quoted("0x" + HexFormat.of().formatHex((byte[]) value));
        ByteBuffer buffer = ((ByteBuffer) value).duplicate();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return quoted("0x" + HexFormat.of().formatHex(bytes));
      }
      case LIST:
        return ((List<?>) value).stream().map(item -> json(type.asListType().elementType(), item, false)).collect(Collectors.joining(",", "[", "]"));
      case MAP:
        return ((Map<?, ?>) value)
            .entrySet().stream()
                .map(entry -> new String[] {json(type.asMapType().keyType(), entry.getKey(), false), json(type.asMapType().valueType(), entry.getValue(), false)})
                .sorted((a, b) -> a[0].compareTo(b[0]))
                .map(entry -> "[" + entry[0] + "," + entry[1] + "]")
                .collect(Collectors.joining(",", "[", "]"));
      case STRUCT:
        return type.asStructType().fields().stream()
            .map(field -> quoted(field.name()) + ":" + json(field.type(), ((Record) value).getField(field.name()), false))
            .collect(Collectors.joining(",", "{", "}"));
      default:
        throw new IllegalStateException("no text of " + type);
    }
  }

  /** As JSON.stringify does. */
  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      switch (c) {
        case '"', '\\' -> out.append('\\').append(c);
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        default -> {
          if (c < 0x20) out.append(String.format("\\u%04x", (int) c));
          else out.append(c);
        }
      }
    }
    return out.append('"').toString();
  }
}
