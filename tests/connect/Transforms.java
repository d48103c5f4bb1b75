// Applies Kafka Connect's own transforms to records, one line of JSON each, and answers with a line each:
// {"type": CLASS, "config": {...}, "record": {"topic", "partition", "offset", "timestamp", "key", "value", "headers": [[NAME, TEXT]]}}
// becomes {"record": {...}}, {"dropped": true}, {"refused": WHY} for a configuration, or {"rejected": WHY} for a record.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.storage.SimpleHeaderConverter;
import org.apache.kafka.connect.transforms.Transformation;

public final class Transforms {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final JsonConverter JSON = new JsonConverter();
  private static final SimpleHeaderConverter HEADERS = new SimpleHeaderConverter();

  public static void main(String[] args) throws Exception {
    JSON.configure(Map.of("schemas.enable", "false", "converter.type", "value"));
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(answer(MAPPER.readTree(line)));
    }
  }

  private static ObjectNode answer(JsonNode asked) {
    ObjectNode answer = MAPPER.createObjectNode();
    Transformation<SinkRecord> transform;
    try {
      transform = build(asked);
    } catch (Exception refused) {
      return answer.put("refused", String.valueOf(refused.getMessage()));
    }
    try (transform) {
      SinkRecord after = transform.apply(read(asked.get("record")));
      if (after == null) {
        return answer.put("dropped", true);
      }
      answer.set("record", write(after));
    } catch (Exception rejected) {
      answer.put("rejected", rejected.getClass().getSimpleName() + ": " + rejected.getMessage());
    }
    return answer;
  }

  @SuppressWarnings("unchecked")
  private static Transformation<SinkRecord> build(JsonNode asked) throws Exception {
    String name = "org.apache.kafka.connect.transforms." + asked.get("type").asText();
    Transformation<SinkRecord> transform =
        (Transformation<SinkRecord>) Class.forName(name).getDeclaredConstructor().newInstance();
    Map<String, Object> config = new HashMap<>();
    asked.get("config").fields().forEachRemaining(entry -> config.put(entry.getKey(), entry.getValue().asText()));
    transform.configure(config);
    return transform;
  }

  private static SinkRecord read(JsonNode record) {
    String topic = record.get("topic").asText();
    ConnectHeaders headers = new ConnectHeaders();
    for (JsonNode header : record.withArray("headers")) {
      byte[] text = header.get(1).asText().getBytes(StandardCharsets.UTF_8);
      headers.add(header.get(0).asText(), HEADERS.toConnectHeader(topic, header.get(0).asText(), text));
    }
    JsonNode time = record.get("timestamp");
    Long timestamp = time == null || time.isNull() ? null : time.asLong();
    TimestampType kind = timestamp == null ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME;
    Object key = connect(topic, record.get("key"));
    Object value = connect(topic, record.get("value"));
    return new SinkRecord(topic, record.get("partition").asInt(), null, key, null, value,
        record.get("offset").asLong(), timestamp, kind, headers);
  }

  private static Object connect(String topic, JsonNode json) {
    if (json == null || json.isNull()) {
      return null;
    }
    SchemaAndValue read = JSON.toConnectData(topic, json.toString().getBytes(StandardCharsets.UTF_8));
    return read.value();
  }

  private static ObjectNode write(SinkRecord record) throws Exception {
    ObjectNode written = MAPPER.createObjectNode();
    written.put("topic", record.topic());
    written.set("key", json(record.topic(), record.keySchema(), record.key()));
    written.set("value", json(record.topic(), record.valueSchema(), record.value()));
    ArrayNode headers = written.putArray("headers");
    for (Header header : record.headers()) {
      byte[] text = HEADERS.fromConnectHeader(record.topic(), header.key(), header.schema(), header.value());
      ArrayNode pair = headers.addArray().add(header.key());
      pair.add(text == null ? null : new String(text, StandardCharsets.UTF_8));
    }
    return written;
  }

  private static JsonNode json(String topic, org.apache.kafka.connect.data.Schema schema, Object value)
      throws Exception {
    if (value == null) {
      return MAPPER.nullNode();
    }
    return MAPPER.readTree(JSON.fromConnectData(topic, schema, value));
  }
}
