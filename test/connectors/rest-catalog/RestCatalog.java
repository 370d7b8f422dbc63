import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.catalog.Catalog;
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
 * `vend-prefix` its s3 properties are vended to those who ask for them, as storage credentials for that prefix.
 */
public class RestCatalog {
  public static void main(String[] args) throws Exception {
    Map<String, String> properties = new HashMap<>();
    for (String arg : args) {
      int cut = arg.indexOf('=');
      properties.put(arg.substring(0, cut), arg.substring(cut + 1));
    }
    properties.put("catalog-impl", "org.apache.iceberg.jdbc.JdbcCatalog");
    Catalog catalog = CatalogUtil.buildIcebergCatalog("rest_backend", properties, new Configuration());
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
    protected <T extends RESTResponse> T execute(
        HTTPRequest request, Class<T> type, Consumer<ErrorResponse> errors, Consumer<Map<String, String>> headers) {
      T response = super.execute(request, type, errors, headers);
      boolean asked = request.headers().contains("x-iceberg-access-delegation") || request.headers().contains("X-Iceberg-Access-Delegation");
      if (!(response instanceof LoadTableResponse loaded) || !asked || !properties.containsKey("vend-prefix")) return response;
      ImmutableCredential.Builder credential = ImmutableCredential.builder().prefix(properties.get("vend-prefix"));
      properties.forEach((key, value) -> {
        if (key.startsWith("s3.") || key.startsWith("client.")) credential.putConfig(key, value);
      });
      return castResponse(
          type,
          LoadTableResponse.builder()
              .withTableMetadata(loaded.tableMetadata())
              .addAllConfig(loaded.config())
              .addCredential(credential.build())
              .build());
    }
  }
}
