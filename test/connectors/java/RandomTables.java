import java.io.IOException;
import java.io.Writer;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.DataFile;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileFormat;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.PartitionKey;
import org.apache.iceberg.PartitionSpec;
import org.apache.iceberg.Schema;
import org.apache.iceberg.Snapshot;
import org.apache.iceberg.StructLike;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableProperties;
import org.apache.iceberg.UpdatePartitionSpec;
import org.apache.iceberg.UpdateSchema;
import org.apache.iceberg.catalog.Namespace;
import org.apache.iceberg.catalog.TableIdentifier;
import org.apache.iceberg.data.BaseDeleteLoader;
import org.apache.iceberg.data.GenericFileWriterFactory;
import org.apache.iceberg.data.GenericRecord;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.InternalRecordWrapper;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.deletes.BaseDVFileWriter;
import org.apache.iceberg.deletes.EqualityDeleteWriter;
import org.apache.iceberg.deletes.PositionDelete;
import org.apache.iceberg.deletes.PositionDeleteIndex;
import org.apache.iceberg.deletes.PositionDeleteWriter;
import org.apache.iceberg.encryption.EncryptedOutputFile;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.expressions.Literal;
import org.apache.iceberg.hadoop.HadoopCatalog;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.io.DataWriter;
import org.apache.iceberg.io.OutputFileFactory;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.TypeUtil;
import org.apache.iceberg.types.Types;

/**
 * Random tables by Iceberg's reference implementation, with random histories (schema and spec evolution, position and equality
 * deletes, deletion vectors, Avro files, upgrades, branches), and what that implementation reads of each snapshot, as digests.
 * Usage: java -cp JARS RandomTables.java FOLDER SEED TABLES. Writes FOLDER/warehouse and FOLDER/expected.json.
 */
public class RandomTables {
  private static final String[] WORDS = {
    "", "a", "ab", "abc", "b", "zz", "Zürich", "naïve", "日本語", "\uD83D\uDE00 smile", "long text that goes beyond the sixteen that bounds keep", "quote's", "NULL", "0", "-1"
  };

  private final Random random;
  private final Table table;
  private final List<String> operations = new ArrayList<>();
  private int names = 0;
  private int files = 0;

  private RandomTables(Random random, Table table) {
    this.random = random;
    this.table = table;
  }

  public static void main(String[] args) throws Exception {
    Path folder = Path.of(args[0]);
    long seed = Long.parseLong(args[1]);
    int count = Integer.parseInt(args[2]);
    List<String> results = new ArrayList<>();
    try (HadoopCatalog catalog = new HadoopCatalog(new Configuration(), folder.resolve("warehouse").toUri().toString())) {
      for (int n = 0; n < count; n++) {
        Random random = new Random(seed * 1_000_003L + n);
        results.add(make(catalog, random, "t" + n));
      }
    }
    try (Writer out = Files.newBufferedWriter(folder.resolve("expected.json"))) {
      out.write("[" + String.join(",\n", results) + "]\n");
    }
    System.out.println("{\"tables\":" + count + "}");
  }

  private static String make(HadoopCatalog catalog, Random random, String name) throws Exception {
    int version = new int[] {1, 2, 2, 2, 3, 3}[random.nextInt(6)];
    List<Types.NestedField> fields = new ArrayList<>();
    int[] ids = {0};
    fields.add(Types.NestedField.required(++ids[0], "id", Types.LongType.get()));
    int columns = 2 + random.nextInt(6);
    for (int n = 0; n < columns; n++) {
      int id = ++ids[0];
      fields.add(Types.NestedField.optional(id, "c" + n, anyType(random, ids, 0, version)));
    }
    Schema schema = new Schema(fields);
    PartitionSpec.Builder spec = PartitionSpec.builderFor(schema);
    int parts = random.nextInt(3);
    for (int n = 0; n < parts; n++) {
      try {
        partitionBy(spec, fields.get(random.nextInt(fields.size())), random);
      } catch (RuntimeException e) {
        // The same field twice, or a type that the transform does not take.
      }
    }
    Map<String, String> properties = new HashMap<>();
    properties.put(TableProperties.FORMAT_VERSION, String.valueOf(version));
    if (random.nextInt(4) == 0) properties.put(TableProperties.METADATA_COMPRESSION, "gzip");
    properties.put(TableProperties.PARQUET_COMPRESSION, new String[] {"zstd", "snappy", "gzip", "uncompressed"}[random.nextInt(4)]);
    properties.put(TableProperties.AVRO_COMPRESSION, new String[] {"gzip", "snappy", "zstd", "uncompressed"}[random.nextInt(4)]);
    if (random.nextInt(3) == 0) properties.put(TableProperties.PARQUET_ROW_GROUP_SIZE_BYTES, "2000");
    if (random.nextInt(3) == 0) properties.put(TableProperties.PARQUET_PAGE_ROW_LIMIT, "5");
    if (random.nextInt(3) == 0) properties.put(TableProperties.PARQUET_ROW_GROUP_CHECK_MIN_RECORD_COUNT, "3");
    if (random.nextBoolean()) {
      properties.put(TableProperties.PARQUET_BLOOM_FILTER_COLUMN_ENABLED_PREFIX + "id", "true");
      properties.put(TableProperties.PARQUET_BLOOM_FILTER_MAX_BYTES, "1024");
    }
    Table table =
        catalog
            .buildTable(TableIdentifier.of(Namespace.of("db"), name), schema)
            .withPartitionSpec(spec.build())
            .withProperties(properties)
            .create();
    RandomTables made = new RandomTables(random, table);
    made.names = columns;
    int steps = 4 + random.nextInt(8);
    for (int n = 0; n < steps; n++) made.step(n == 0 || n == 2 ? 0 : random.nextInt(18));
    return made.expected(name);
  }

  private void step(int kind) throws IOException {
    table.refresh();
    String what = "?";
    try {
      switch (kind) {
        case 0, 1, 2, 3, 16:
          what = append();
          break;
        case 4, 5, 6, 17:
          what = changeSchema();
          break;
        case 7:
          what = changeSpec();
          break;
        case 8, 9:
          what = deletePositions();
          break;
        case 10, 11:
          what = deleteEqual();
          break;
        case 12:
          what = deleteFiles();
          break;
        case 13:
          what = ref();
          break;
        case 14:
          what = upgrade();
          break;
        default:
          if (table.currentSnapshot() == null) return;
          table.rewriteManifests().clusterBy(file -> file.path().toString().hashCode() % 3).commit();
          what = "rewrite manifests";
      }
    } catch (IllegalArgumentException | IllegalStateException | UnsupportedOperationException | org.apache.iceberg.exceptions.ValidationException e) {
      what += " refused: " + String.valueOf(e.getMessage()).split("\n")[0];
    }
    operations.add(what);
  }

  // --- what happens to a table ---

  private String append() throws IOException {
    int many = 1 + random.nextInt(3);
    var append = random.nextBoolean() ? table.newAppend() : table.newFastAppend();
    int rows = 0;
    for (int n = 0; n < many; n++) {
      Map<PartitionKey, List<Record>> groups = new LinkedHashMap<>();
      int size = random.nextInt(5) == 0 ? 1 : 1 + random.nextInt(40);
      for (int row = 0; row < size; row++) {
        Record record = (Record) value(table.schema().asStruct(), false);
        PartitionKey key = new PartitionKey(table.spec(), table.schema());
        key.partition(new InternalRecordWrapper(table.schema().asStruct()).wrap(record));
        groups.computeIfAbsent(key.copy(), ignored -> new ArrayList<>()).add(record);
      }
      FileFormat format = random.nextInt(4) == 0 ? FileFormat.AVRO : FileFormat.PARQUET;
      for (var group : groups.entrySet()) append.appendFile(write(group.getKey(), group.getValue(), format));
      rows += size;
    }
    append.commit();
    return "append " + rows;
  }

  private DataFile write(StructLike partition, List<Record> rows, FileFormat format) throws IOException {
    var factory =
        new GenericFileWriterFactory.Builder(table).dataFileFormat(format).dataSchema(table.schema()).writerProperties(table.properties()).build();
    DataWriter<Record> writer = factory.newDataWriter(output(format, partition), table.spec(), partition);
    try (writer) {
      for (Record row : rows) writer.write(row);
    }
    return writer.toDataFile();
  }

  private EncryptedOutputFile output(FileFormat format, StructLike partition) {
    return output(format, table.spec(), partition);
  }

  private EncryptedOutputFile output(FileFormat format, PartitionSpec spec, StructLike partition) {
    OutputFileFactory factory = OutputFileFactory.builderFor(table, 1, ++files).format(format).build();
    return spec.fields().isEmpty() ? factory.newOutputFile() : factory.newOutputFile(spec, partition);
  }

  private String deletePositions() throws IOException {
    List<FileScanTask> tasks = tasks();
    if (tasks.isEmpty()) return "no file";
    int version = version();
    if (version < 2) return "v1 has no deletes";
    var delta = table.newRowDelta();
    Collections.shuffle(tasks, random);
    List<FileScanTask> chosen = tasks.subList(0, 1 + random.nextInt(Math.min(3, tasks.size())));
    int deleted = 0;
    if (version >= 3) {
      BaseDeleteLoader loader = new BaseDeleteLoader(file -> table.io().newInputFile(file));
      Map<String, List<DeleteFile>> before = new HashMap<>();
      for (FileScanTask task : chosen) {
        before.put(
            task.file().location(),
            task.deletes().stream().filter(file -> file.content() == org.apache.iceberg.FileContent.POSITION_DELETES).collect(Collectors.toList()));
      }
      BaseDVFileWriter writer =
          new BaseDVFileWriter(
              OutputFileFactory.builderFor(table, 1, ++files).format(FileFormat.PUFFIN).build(),
              path -> {
                List<DeleteFile> old = before.getOrDefault(path, List.of());
                return old.isEmpty() ? null : (PositionDeleteIndex) loader.loadPositionDeletes(old, path);
              });
      try (writer) {
        for (FileScanTask task : chosen) {
          for (long pos : positions(task.file().recordCount())) {
            writer.delete(task.file().location(), pos, task.spec(), task.file().partition());
            deleted++;
          }
        }
      }
      writer.result().deleteFiles().forEach(delta::addDeletes);
      writer.result().rewrittenDeleteFiles().forEach(delta::removeDeletes);
    } else {
      boolean together = chosen.stream().map(task -> task.spec().specId() + "/" + task.file().partition()).distinct().count() == 1;
      List<List<FileScanTask>> groups = together ? List.of(chosen) : chosen.stream().map(List::of).collect(Collectors.toList());
      for (List<FileScanTask> group : groups) {
        FileFormat format = random.nextInt(4) == 0 ? FileFormat.AVRO : FileFormat.PARQUET;
        var factory = new GenericFileWriterFactory.Builder(table).deleteFileFormat(format).build();
        FileScanTask first = group.get(0);
        EncryptedOutputFile output = output(format, first.spec(), first.file().partition());
        PositionDeleteWriter<Record> writer = factory.newPositionDeleteWriter(output, first.spec(), first.file().partition());
        try (writer) {
          List<FileScanTask> sorted = new ArrayList<>(group);
          sorted.sort((a, b) -> a.file().location().compareTo(b.file().location()));
          for (FileScanTask task : sorted) {
            for (long pos : positions(task.file().recordCount())) {
              PositionDelete<Record> delete = PositionDelete.create();
              writer.write(delete.set(task.file().location(), pos, null));
              deleted++;
            }
          }
        }
        delta.addDeletes(writer.toDeleteFile());
      }
    }
    delta.commit();
    return "delete " + deleted + " positions of " + chosen.size() + " files";
  }

  private List<Long> positions(long rows) {
    List<Long> positions = new ArrayList<>();
    boolean all = random.nextInt(8) == 0;
    for (long pos = 0; pos < rows; pos++) if (all || random.nextInt(4) == 0) positions.add(pos);
    if (positions.isEmpty()) positions.add((long) random.nextInt((int) rows));
    return positions;
  }

  private String deleteEqual() throws IOException {
    if (version() < 2) return "v1 has no deletes";
    List<Types.NestedField> candidates =
        table.schema().columns().stream().filter(field -> field.type().isPrimitiveType() && comparable(field.type())).collect(Collectors.toList());
    Collections.shuffle(candidates, random);
    List<Types.NestedField> chosen = candidates.subList(0, 1 + random.nextInt(Math.min(2, candidates.size())));
    int[] ids = chosen.stream().mapToInt(Types.NestedField::fieldId).toArray();
    Schema schema = TypeUtil.select(table.schema(), Arrays.stream(ids).boxed().collect(Collectors.toSet()));
    FileFormat format = random.nextInt(4) == 0 ? FileFormat.AVRO : FileFormat.PARQUET;
    var factory =
        new GenericFileWriterFactory.Builder(table).deleteFileFormat(format).equalityFieldIds(ids).equalityDeleteRowSchema(schema).build();
    // Rows that are there, and some that are not.
    List<Record> rows = new ArrayList<>();
    try (CloseableIterable<Record> present = IcebergGenerics.read(table).build()) {
      for (Record record : present) {
        if (random.nextInt(6) != 0) continue;
        GenericRecord row = GenericRecord.create(schema);
        for (Types.NestedField field : schema.columns()) row.setField(field.name(), record.getField(field.name()));
        rows.add(row);
      }
    }
    rows.add((Record) value(schema.asStruct(), false));
    Collections.shuffle(rows, random);
    rows = rows.subList(0, Math.min(rows.size(), 1 + random.nextInt(6)));
    // In a partition: that of some file of today's spec, else everywhere.
    StructLike partition = new PartitionKey(table.spec(), table.schema());
    if (!table.spec().isUnpartitioned()) {
      List<FileScanTask> tasks = tasks().stream().filter(task -> task.spec().specId() == table.spec().specId()).collect(Collectors.toList());
      if (tasks.isEmpty()) return "no partition";
      partition = tasks.get(random.nextInt(tasks.size())).file().partition();
    }
    EqualityDeleteWriter<Record> writer = factory.newEqualityDeleteWriter(output(format, partition), table.spec(), partition);
    try (writer) {
      for (Record row : rows) writer.write(row);
    }
    table.newRowDelta().addDeletes(writer.toDeleteFile()).commit();
    return "delete equal " + chosen.stream().map(Types.NestedField::name).collect(Collectors.joining(",")) + " " + rows.size();
  }

  /** Floats may not be; and the reference implementation finds no fixed value and no UUID equal to another. */
  private static boolean comparable(Type type) {
    return switch (type.typeId()) {
      case FLOAT, DOUBLE, FIXED, UUID -> false;
      default -> true;
    };
  }

  private String deleteFiles() throws IOException {
    List<FileScanTask> tasks = tasks();
    if (tasks.size() < 2) return "too few files";
    FileScanTask one = tasks.get(random.nextInt(tasks.size()));
    if (random.nextBoolean()) {
      table.newDelete().deleteFile(one.file()).commit();
      return "delete a file";
    }
    table.newOverwrite().deleteFile(one.file()).addFile(write(emptyIfUnpartitioned(one), sameShape(one), FileFormat.PARQUET)).commit();
    return "overwrite a file";
  }

  private StructLike emptyIfUnpartitioned(FileScanTask task) {
    if (task.spec().specId() != table.spec().specId()) throw new IllegalStateException("another spec");
    return task.file().partition();
  }

  /** Rows for the partition of an existing file: only where there is but one. */
  private List<Record> sameShape(FileScanTask task) {
    if (!table.spec().isUnpartitioned()) throw new IllegalStateException("partitioned");
    List<Record> rows = new ArrayList<>();
    for (int n = 0; n <= random.nextInt(5); n++) rows.add((Record) value(table.schema().asStruct(), false));
    return rows;
  }

  private String changeSchema() {
    UpdateSchema update = table.updateSchema();
    List<Types.NestedField> columns = table.schema().columns();
    Types.NestedField field = columns.get(random.nextInt(columns.size()));
    String what;
    switch (random.nextInt(7)) {
      case 0:
        what = "rename " + field.name();
        // Sometimes to a name that was dropped before.
        update.renameColumn(field.name(), random.nextInt(3) == 0 ? "reused" : "r" + names++);
        break;
      case 1:
        if (field.name().equals("id")) return "id stays";
        what = "drop " + field.name();
        update.deleteColumn(field.name());
        break;
      case 2: {
        String name = random.nextInt(3) == 0 ? "reused" : "n" + names++;
        Type type = anyType(random, new int[] {10_000}, 0, version());
        what = "add " + name + " " + type;
        if (version() >= 3 && type.isPrimitiveType() && random.nextBoolean() && type.typeId() == Type.TypeID.LONG) update.addColumn(name, type, Literal.of(42L));
        else if (version() >= 3 && type.typeId() == Type.TypeID.STRING && random.nextBoolean()) update.addColumn(name, type, Literal.of("dflt"));
        else update.addColumn(name, type);
        break;
      }
      case 3:
        what = "move " + field.name();
        if (random.nextBoolean()) update.moveFirst(field.name());
        else update.moveAfter(field.name(), columns.get(random.nextInt(columns.size())).name());
        break;
      case 4: {
        // Inside of a struct, also below a list or a map's value.
        String path = structPath(field.name(), field.type());
        if (path == null) return "no struct";
        what = "add to " + path;
        update.addColumn(path, "x" + names++, scalar(random, version()));
        break;
      }
      case 5: {
        String path = structPath(field.name(), field.type());
        if (path == null) return "no struct";
        Types.StructType struct = table.schema().findField(path).type().asStructType();
        String inner = path + "." + struct.fields().get(random.nextInt(struct.fields().size())).name();
        what = "nested " + inner;
        if (random.nextBoolean()) update.renameColumn(inner, "y" + names++);
        else if (struct.fields().size() > 1) update.deleteColumn(inner);
        break;
      }
      default:
        what = promote(update, field.name(), field.type());
    }
    update.commit();
    return what;
  }

  private String promote(UpdateSchema update, String path, Type type) {
    switch (type.typeId()) {
      case INTEGER:
        update.updateColumn(path, Types.LongType.get());
        return "promote " + path;
      case FLOAT:
        update.updateColumn(path, Types.DoubleType.get());
        return "promote " + path;
      case DECIMAL: {
        Types.DecimalType decimal = (Types.DecimalType) type;
        update.updateColumn(path, Types.DecimalType.of(Math.min(38, decimal.precision() + 7), decimal.scale()));
        return "promote " + path;
      }
      case STRUCT: {
        Types.NestedField inner = type.asStructType().fields().get(0);
        return promote(update, path + "." + inner.name(), inner.type());
      }
      case LIST:
        return promote(update, path + ".element", type.asListType().elementType());
      case MAP:
        return promote(update, path + ".value", type.asMapType().valueType());
      default:
        return "nothing to promote";
    }
  }

  private static String structPath(String path, Type type) {
    switch (type.typeId()) {
      case STRUCT:
        return path;
      case LIST:
        return structPath(path + ".element", type.asListType().elementType());
      case MAP:
        return structPath(path + ".value", type.asMapType().valueType());
      default:
        return null;
    }
  }

  private String changeSpec() {
    UpdatePartitionSpec update = table.updateSpec();
    if (!table.spec().isUnpartitioned() && random.nextBoolean()) {
      var fields = table.spec().fields();
      update.removeField(fields.get(random.nextInt(fields.size())).name()).commit();
      return "remove a partition field";
    }
    var columns = table.schema().columns();
    Types.NestedField field = columns.get(random.nextInt(columns.size()));
    String name = field.name();
    switch (field.type().typeId()) {
      case DATE -> update.addField(random.nextBoolean() ? Expressions.month(name) : Expressions.day(name));
      case TIMESTAMP, TIMESTAMP_NANO -> update.addField(random.nextBoolean() ? Expressions.day(name) : Expressions.hour(name));
      case STRING, LONG, INTEGER -> update.addField(random.nextBoolean() ? Expressions.bucket(name, 3) : Expressions.truncate(name, 2));
      case BOOLEAN, UUID -> update.addField(Expressions.ref(name));
      default -> update.addField(Expressions.truncate(name, 3));
    }
    update.commit();
    return "partition by " + name;
  }

  private String ref() {
    if (table.currentSnapshot() == null) return "no snapshot";
    String name = "ref" + names++;
    long id = table.currentSnapshot().snapshotId();
    if (random.nextBoolean()) table.manageSnapshots().createTag(name, id).commit();
    else table.manageSnapshots().createBranch(name, id).commit();
    return "ref " + name;
  }

  private String upgrade() {
    int version = version();
    if (version >= 3) return "newest already";
    table.updateProperties().set(TableProperties.FORMAT_VERSION, String.valueOf(version + 1)).commit();
    return "upgrade to " + (version + 1);
  }

  private int version() {
    return ((BaseTable) table).operations().current().formatVersion();
  }

  private List<FileScanTask> tasks() throws IOException {
    if (table.currentSnapshot() == null) return new ArrayList<>();
    List<FileScanTask> tasks = new ArrayList<>();
    try (CloseableIterable<FileScanTask> planned = table.newScan().planFiles()) {
      planned.forEach(tasks::add);
    }
    // Planning runs in threads: the order must be of the seed.
    tasks.sort((a, b) -> a.file().location().compareTo(b.file().location()));
    return tasks;
  }

  // --- types and values ---

  private static Type scalar(Random random, int version) {
    switch (random.nextInt(version >= 3 ? 16 : 15)) {
      case 0: return Types.BooleanType.get();
      case 1, 2: return Types.IntegerType.get();
      case 3: return Types.LongType.get();
      case 4: return Types.FloatType.get();
      case 5: return Types.DoubleType.get();
      case 6: {
        int precision = new int[] {5, 9, 18, 31}[random.nextInt(4)];
        return Types.DecimalType.of(precision, random.nextInt(Math.min(precision, 10)));
      }
      case 7: return Types.DateType.get();
      case 8: return Types.TimeType.get();
      case 9: return Types.TimestampType.withoutZone();
      case 10: return Types.TimestampType.withZone();
      case 11: return Types.UUIDType.get();
      case 12: return Types.FixedType.ofLength(3);
      case 13: return Types.BinaryType.get();
      case 14: return Types.StringType.get();
      default: return Types.StringType.get();
    }
  }

  private static Type anyType(Random random, int[] ids, int depth, int version) {
    int choice = depth > 2 ? 0 : random.nextInt(10);
    switch (choice) {
      case 0: {
        if (depth > 2) return scalar(random, version);
        int id = ++ids[0];
        return Types.ListType.ofOptional(id, anyType(random, ids, depth + 1, version));
      }
      case 1: {
        int key = ++ids[0];
        int value = ++ids[0];
        return Types.MapType.ofOptional(key, value, Types.StringType.get(), anyType(random, ids, depth + 1, version));
      }
      case 2, 3: {
        List<Types.NestedField> fields = new ArrayList<>();
        int count = 1 + random.nextInt(3);
        for (int n = 0; n < count; n++) {
          int id = ++ids[0];
          fields.add(Types.NestedField.optional(id, "f" + n, anyType(random, ids, depth + 1, version)));
        }
        return Types.StructType.of(fields);
      }
      default:
        return scalar(random, version);
    }
  }

  private static void partitionBy(PartitionSpec.Builder spec, Types.NestedField field, Random random) {
    String name = field.name();
    switch (field.type().typeId()) {
      case DATE -> { if (random.nextBoolean()) spec.year(name); else spec.month(name); }
      case TIMESTAMP -> { if (random.nextBoolean()) spec.day(name); else spec.hour(name); }
      // Not fixed: the reference implementation does not read it back in the type that it writes.
      case BOOLEAN, UUID, TIME -> spec.identity(name);
      case STRING, LONG, INTEGER, DECIMAL, BINARY -> {
        switch (random.nextInt(3)) {
          case 0 -> spec.bucket(name, 1 + random.nextInt(4));
          case 1 -> spec.truncate(name, 1 + random.nextInt(10));
          default -> spec.identity(name);
        }
      }
      case FLOAT, DOUBLE, LIST, MAP, STRUCT -> {}
      default -> {}
    }
  }

  private Object value(Type type, boolean optional) {
    if (optional && random.nextInt(6) == 0) return null;
    switch (type.typeId()) {
      case BOOLEAN: return random.nextBoolean();
      case INTEGER: return random.nextInt(12) == 0 ? (random.nextBoolean() ? Integer.MAX_VALUE : Integer.MIN_VALUE) : random.nextInt(20) - 5;
      case LONG: return random.nextInt(12) == 0 ? (random.nextBoolean() ? Long.MAX_VALUE : (1L << 53) + 1) : random.nextInt(60) - 10L;
      case FLOAT: return random.nextInt(10) == 0 ? Float.NaN : random.nextInt(12) == 0 ? Float.POSITIVE_INFINITY : (random.nextInt(40) - 20) / 4f;
      case DOUBLE: return random.nextInt(10) == 0 ? Double.NaN : random.nextInt(12) == 0 ? Double.NEGATIVE_INFINITY : (random.nextInt(40) - 20) / 4d;
      case DECIMAL: {
        Types.DecimalType decimal = (Types.DecimalType) type;
        BigInteger most = BigInteger.TEN.pow(decimal.precision()).subtract(BigInteger.ONE);
        // The least value of all would have no room for its truncation.
        BigInteger unscaled = random.nextInt(8) == 0 ? most : BigInteger.valueOf(random.nextInt(2000) - 1000);
        return new BigDecimal(unscaled, decimal.scale());
      }
      case DATE: return random.nextInt(12) == 0 ? LocalDate.of(1, 1, 1) : LocalDate.of(1969 + random.nextInt(3), 1 + random.nextInt(12), 1 + random.nextInt(28));
      case TIME: return LocalTime.ofNanoOfDay(random.nextInt(86_400) * 1_000_000_000L + random.nextInt(3) * 1_000L);
      case TIMESTAMP: {
        long micros = random.nextInt(12) == 0 ? -2_208_988_800_000_000L : (random.nextInt(400) - 200) * 1_800_000_000L + random.nextInt(2);
        Instant instant = Instant.ofEpochSecond(Math.floorDiv(micros, 1_000_000L), Math.floorMod(micros, 1_000_000L) * 1_000L);
        return ((Types.TimestampType) type).shouldAdjustToUTC() ? OffsetDateTime.ofInstant(instant, ZoneOffset.UTC) : LocalDateTime.ofInstant(instant, ZoneOffset.UTC);
      }
      case STRING: return WORDS[random.nextInt(WORDS.length)];
      case UUID: return new UUID(random.nextInt(3) * 0x7000_0000_0000_0000L, random.nextInt(4) * 0x5000_0000_0000_0000L);
      case FIXED: {
        byte[] bytes = new byte[((Types.FixedType) type).length()];
        Arrays.fill(bytes, (byte) random.nextInt(256));
        return bytes;
      }
      case BINARY: {
        byte[] bytes = new byte[random.nextInt(5)];
        random.nextBytes(bytes);
        return ByteBuffer.wrap(bytes);
      }
      case LIST: {
        List<Object> list = new ArrayList<>();
        for (int n = random.nextInt(4); n > 0; n--) list.add(value(type.asListType().elementType(), true));
        return list;
      }
      case MAP: {
        Map<Object, Object> map = new TreeMap<>();
        for (int n = random.nextInt(4); n > 0; n--) map.put(WORDS[random.nextInt(WORDS.length)], value(type.asMapType().valueType(), true));
        return map;
      }
      case STRUCT: {
        GenericRecord record = GenericRecord.create(type.asStructType());
        for (Types.NestedField field : type.asStructType().fields()) record.setField(field.name(), value(field.type(), field.isOptional()));
        return record;
      }
      default:
        throw new IllegalStateException("no values of " + type);
    }
  }

  // --- what is expected ---

  private String expected(String name) throws Exception {
    table.refresh();
    StringBuilder out = new StringBuilder("{\"table\":" + quoted(name));
    String metadata = ((BaseTable) table).operations().current().metadataFileLocation();
    out.append(",\"metadata\":").append(quoted(metadata)).append(",\"format\":").append(version());
    out.append(",\"current\":").append(digest(table.schema(), table.currentSnapshot()));
    List<String> snapshots = new ArrayList<>();
    for (Snapshot snapshot : table.snapshots()) {
      Schema schema = snapshot.schemaId() == null ? table.schema() : table.schemas().get(snapshot.schemaId());
      snapshots.add("{\"id\":\"" + snapshot.snapshotId() + "\",\"op\":" + quoted(snapshot.operation()) + ",\"rows\":" + digest(schema, snapshot) + "}");
    }
    out.append(",\"snapshots\":[").append(String.join(",", snapshots)).append("]");
    List<String> refs = new ArrayList<>();
    table.refs().forEach((ref, value) -> refs.add(quoted(ref) + ":\"" + value.snapshotId() + "\""));
    out.append(",\"refs\":{").append(String.join(",", refs)).append("}");
    out.append(",\"operations\":[").append(operations.stream().map(RandomTables::quoted).collect(Collectors.joining(","))).append("]}");
    return out.toString();
  }

  /** Null where the reference implementation fails itself: then there is nothing to compare with. */
  private String digest(Schema schema, Snapshot snapshot) throws Exception {
    try {
      return digestOf(schema, snapshot);
    } catch (RuntimeException e) {
      operations.add("unreadable: " + String.valueOf(e).split("\n")[0]);
      return "null";
    }
  }

  private String digestOf(Schema schema, Snapshot snapshot) throws Exception {
    List<String> rows = new ArrayList<>();
    if (snapshot != null) {
      try (CloseableIterable<Record> records = IcebergGenerics.read(table).useSnapshot(snapshot.snapshotId()).project(schema).build()) {
        for (Record record : records) {
          List<String> values = new ArrayList<>();
          for (Types.NestedField field : schema.columns()) values.add(json(field.type(), record.getField(field.name())));
          rows.add("[" + String.join(",", values) + "]");
        }
      }
    }
    rows.sort((a, b) -> Arrays.compareUnsigned(a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8)));
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(String.join("\n", rows).getBytes(StandardCharsets.UTF_8));
    String columns = schema.columns().stream().map(field -> quoted(field.name())).collect(Collectors.joining(","));
    String first = rows.stream().limit(2).collect(Collectors.joining(","));
    return "{\"rows\":" + rows.size() + ",\"sha256\":\"" + HexFormat.of().formatHex(hash) + "\",\"columns\":[" + columns + "],\"first\":[" + first + "]}";
  }

  private static String json(Type type, Object value) {
    if (value == null) return "null";
    switch (type.typeId()) {
      case BOOLEAN, INTEGER, LONG:
        return value.toString();
      case FLOAT, DOUBLE: {
        double number = ((Number) value).doubleValue();
        if (Double.isNaN(number) || Double.isInfinite(number)) return quoted(String.valueOf(number));
        return number == Math.rint(number) ? String.valueOf((long) number) : BigDecimal.valueOf(number).stripTrailingZeros().toPlainString();
      }
      case DECIMAL:
        return quoted(((BigDecimal) value).toPlainString());
      case DATE:
        return quoted(value.toString());
      case TIME:
        return quoted(((LocalTime) value).format(java.time.format.DateTimeFormatter.ofPattern("HH:mm:ss.SSSSSS")));
      case TIMESTAMP: {
        boolean zone = ((Types.TimestampType) type).shouldAdjustToUTC();
        LocalDateTime time = zone ? ((OffsetDateTime) value).toLocalDateTime() : (LocalDateTime) value;
        return quoted(time.format(java.time.format.DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS")) + (zone ? "Z" : ""));
      }
      case STRING:
        return quoted(value.toString());
      case UUID:
        return quoted(value.toString());
      // A fixed value that comes from the partition tuple is a ByteBuffer, too.
      case FIXED, BINARY: {
        if (value instanceof byte[]) return quoted("0x" + HexFormat.of().formatHex((byte[]) value));
        ByteBuffer buffer = ((ByteBuffer) value).duplicate();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return quoted("0x" + HexFormat.of().formatHex(bytes));
      }
      case LIST:
        return ((List<?>) value).stream().map(item -> json(type.asListType().elementType(), item)).collect(Collectors.joining(",", "[", "]"));
      case MAP:
        return ((Map<?, ?>) value)
            .entrySet().stream()
                .map(entry -> new String[] {json(type.asMapType().keyType(), entry.getKey()), json(type.asMapType().valueType(), entry.getValue())})
                .sorted((a, b) -> a[0].compareTo(b[0]))
                .map(entry -> "[" + entry[0] + "," + entry[1] + "]")
                .collect(Collectors.joining(",", "[", "]"));
      case STRUCT:
        return type.asStructType().fields().stream()
            .map(field -> quoted(field.name()) + ":" + json(field.type(), ((Record) value).getField(field.name())))
            .collect(Collectors.joining(",", "{", "}"));
      default:
        throw new IllegalStateException("no text of " + type);
    }
  }

  private static String quoted(String text) {
    StringBuilder out = new StringBuilder("\"");
    for (char c : text.toCharArray()) {
      if (c == '"' || c == '\\') out.append('\\').append(c);
      else if (c < 0x20) out.append(String.format("\\u%04x", (int) c));
      else out.append(c);
    }
    return out.append('"').toString();
  }
}
