// Reads records with Kafka Connect's own JsonConverter, one line of JSON each, and answers with a line each:
// {"side": "key" or "value", "record": TEXT or null, "config": {...}} becomes {"read": TEXT of JSON without a schema},
// {"null": true}, or {"rejected": WHY}. Decimals are written as numbers, times as the numbers that stand for them.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;

public final class JsonRecords {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final JsonConverter PLAIN = new JsonConverter();

  public static void main(String[] args) throws Exception {
    PLAIN.configure(Map.of("schemas.enable", "false", "decimal.format", "NUMERIC", "converter.type", "value",
        "replace.null.with.default", "false"));
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(answer(MAPPER.readTree(line)));
    }
  }

  private static ObjectNode answer(JsonNode asked) {
    ObjectNode answer = MAPPER.createObjectNode();
    JsonNode record = asked.get("record");
    byte[] bytes = record.isNull() ? null : record.asText().getBytes(StandardCharsets.UTF_8);
    try (JsonConverter converter = new JsonConverter()) {
      Map<String, Object> config = new HashMap<>();
      asked.get("config").fields().forEachRemaining(entry -> config.put(entry.getKey(), entry.getValue().asText()));
      config.put("converter.type", asked.get("side").asText());
      converter.configure(config);
      SchemaAndValue read = converter.toConnectData("orders", bytes);
      if (read.value() == null) {
        return answer.put("null", true);
      }
      byte[] written = PLAIN.fromConnectData("orders", read.schema(), read.value());
      return answer.put("read", new String(written, StandardCharsets.UTF_8));
    } catch (Exception rejected) {
      return answer.put("rejected", rejected.getClass().getSimpleName() + ": " + rejected.getMessage());
    }
  }
}
