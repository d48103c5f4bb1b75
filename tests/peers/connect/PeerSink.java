// A sink for Kafka Connect: sends what it gets at once as lines of JSON to an address, or appends it to a file and syncs, or drops it.
// Kafka has none for HTTP, and its sink for files does not sync.

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

public class PeerSink extends SinkConnector {
  private Map<String, String> config;

  @Override
  public void start(Map<String, String> config) {
    this.config = config;
  }

  @Override
  public Class<? extends Task> taskClass() {
    return PeerTask.class;
  }

  @Override
  public List<Map<String, String>> taskConfigs(int most) {
    List<Map<String, String>> configs = new ArrayList<>();
    for (int task = 0; task < most; task++) {
      configs.add(config);
    }
    return configs;
  }

  @Override
  public void stop() {}

  @Override
  public ConfigDef config() {
    return new ConfigDef()
        .define("target", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "An address, file:PATH, or none.")
        .define("ca", ConfigDef.Type.STRING, "", ConfigDef.Importance.LOW, "An authority to trust, as PEM.");
  }

  @Override
  public String version() {
    return "1";
  }

  public static class PeerTask extends SinkTask {
    private static final int MOST_CHARACTERS = 5 << 20;

    private String target;
    private HttpClient client;
    private FileChannel file;

    @Override
    public void start(Map<String, String> config) {
      target = config.get("target");
      try {
        if (target.startsWith("file:")) {
          Path path = Path.of(target.substring("file:".length()));
          file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } else {
          client = client(config.getOrDefault("ca", ""));
        }
      } catch (Exception failure) {
        throw new ConnectException(failure);
      }
    }

    private static HttpClient client(String ca) throws Exception {
      HttpClient.Builder client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1);
      if (ca.isEmpty()) {
        return client.build();
      }
      KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
      trusted.load(null, null);
      try (var pem = Files.newInputStream(Path.of(ca))) {
        trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
      }
      TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      managers.init(trusted);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(null, managers.getTrustManagers(), null);
      return client.sslContext(context).build();
    }

    @Override
    public void put(Collection<SinkRecord> records) {
      StringBuilder body = new StringBuilder();
      for (SinkRecord record : records) {
        String text = (String) record.value();
        if (file != null) {
          body.append(text).append('\n');
        } else {
          body.append('"');
          JsonStringEncoder.getInstance().quoteAsString(text, body);
          body.append("\"\n");
        }
        if (body.length() >= MOST_CHARACTERS) {
          send(body);
        }
      }
      send(body);
    }

    private void send(StringBuilder body) {
      if (body.isEmpty()) {
        return;
      }
      byte[] bytes = body.toString().getBytes(StandardCharsets.UTF_8);
      body.setLength(0);
      try {
        if (file != null) {
          ByteBuffer buffer = ByteBuffer.wrap(bytes);
          while (buffer.hasRemaining()) {
            file.write(buffer);
          }
          file.force(false);
        } else if (!target.equals("none")) {
          post(bytes);
        }
      } catch (IOException failure) {
        throw new ConnectException(failure);
      }
    }

    private void post(byte[] bytes) throws IOException {
      HttpRequest request = HttpRequest.newBuilder(URI.create(target))
          .header("content-type", "application/x-ndjson")
          .POST(HttpRequest.BodyPublishers.ofByteArray(bytes))
          .build();
      try {
        int status = client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
        if (status != 200) {
          throw new ConnectException("answered with " + status);
        }
      } catch (InterruptedException interrupted) {
        throw new ConnectException(interrupted);
      }
    }

    @Override
    public void stop() {
      try {
        if (file != null) {
          file.close();
        }
      } catch (IOException failure) {
        throw new ConnectException(failure);
      }
    }

    @Override
    public String version() {
      return "1";
    }
  }
}
