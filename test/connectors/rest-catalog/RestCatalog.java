import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.Scan;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.hadoop.HadoopFileIO;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.jdbc.JdbcCatalog;
import org.apache.iceberg.rest.HTTPRequest;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.apache.iceberg.rest.RESTResponse;
import org.apache.iceberg.rest.credentials.ImmutableCredential;
import org.apache.iceberg.rest.responses.ErrorResponse;
import org.apache.iceberg.rest.responses.LoadTableResponse;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * Iceberg's own REST catalog over JdbcCatalog, on a free port of 127.0.0.1. Arguments: the catalog's properties, key=value. With
 * `vend-prefix` its s3 properties are vended to those who ask for them, as storage credentials for that prefix. With `moved-from` and `moved-to`
 * files of the one folder are read in the other. `plan-mode` is what tables say of scan planning, `plan-async` = true plans later,
 * `plan-page` is the number of files in an answer.
 */
public class RestCatalog {
  public static void main(String[] args) throws Exception {
    Map<String, String> properties = new HashMap<>();
    for (String arg : args) {
      int cut = arg.indexOf('=');
      properties.put(arg.substring(0, cut), arg.substring(cut + 1));
    }
    properties.put("catalog-impl", "org.apache.iceberg.jdbc.JdbcCatalog");
    Catalog catalog;
    if (properties.containsKey("moved-from")) {
      JdbcCatalog moved = new JdbcCatalog(ignored -> new Moved(properties), null, true);
      moved.initialize("rest_backend", properties);
      catalog = moved;
    } else {
      catalog = CatalogUtil.buildIcebergCatalog("rest_backend", properties, new Configuration());
    }
    ServletContextHandler context = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
    context.addServlet(new ServletHolder(new RESTCatalogServlet(new Vending(catalog, properties))), "/*");
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    connector.setPort(0);
    server.addConnector(connector);
    server.setHandler(context);
    server.start();
    System.out.println("ready " + connector.getLocalPort());
    server.join();
  }

  private static class Vending extends RESTCatalogAdapter {
    private final Map<String, String> properties;

    Vending(Catalog catalog, Map<String, String> properties) {
      super(catalog);
      this.properties = properties;
    }

    @Override
    protected PlanningBehavior planningBehavior() {
      return new PlanningBehavior() {
        @Override
        public int numberFileScanTasksPerPlanTask() {
          return Integer.parseInt(properties.getOrDefault("plan-page", "100"));
        }

        @Override
        public boolean shouldPlanTableScanAsync(Scan<?, FileScanTask, ?> scan) {
          return Boolean.parseBoolean(properties.getOrDefault("plan-async", "false"));
        }
      };
    }

    @Override
    protected <T extends RESTResponse> T execute(
        HTTPRequest request, Class<T> type, Consumer<ErrorResponse> errors, Consumer<Map<String, String>> headers) {
      T response = super.execute(request, type, errors, headers);
      boolean asked = request.headers().contains("x-iceberg-access-delegation") || request.headers().contains("X-Iceberg-Access-Delegation");
      if (!(response instanceof LoadTableResponse loaded)) return response;
      LoadTableResponse.Builder answer = LoadTableResponse.builder().withTableMetadata(loaded.tableMetadata()).addAllConfig(loaded.config());
      if (properties.containsKey("plan-mode")) answer.addConfig("scan-planning-mode", properties.get("plan-mode"));
      if (!asked || !properties.containsKey("vend-prefix")) return castResponse(type, answer.build());
      ImmutableCredential.Builder credential = ImmutableCredential.builder().prefix(properties.get("vend-prefix"));
      properties.forEach((key, value) -> {
        if (key.startsWith("s3.") || key.startsWith("client.")) credential.putConfig(key, value);
      });
      return castResponse(type, answer.addCredential(credential.build()).build());
    }
  }

  /** Files under one folder that are read in another. */
  private static class Moved implements FileIO {
    private final HadoopFileIO io = new HadoopFileIO(new Configuration());
    private final String from;
    private final String to;

    Moved(Map<String, String> properties) {
      from = properties.get("moved-from");
      to = properties.get("moved-to");
    }

    private String place(String path) {
      String plain = path.replaceFirst("^file:/+", "/");
      return plain.startsWith(from) ? to + plain.substring(from.length()) : path;
    }

    @Override
    public InputFile newInputFile(String path) {
      return io.newInputFile(place(path));
    }

    @Override
    public OutputFile newOutputFile(String path) {
      return io.newOutputFile(place(path));
    }

    @Override
    public void deleteFile(String path) {
      io.deleteFile(place(path));
    }
  }
}
