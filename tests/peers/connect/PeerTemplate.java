// A transform for Kafka Connect: makes a sentence of the fields of a record. `{price}` and `{customer.name}` are fields, and `{@time}`
// is the time of `timestamp`, which is in seconds. Those of Kafka make neither.

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.transforms.Transformation;

public class PeerTemplate<R extends ConnectRecord<R>> implements Transformation<R> {
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss").withZone(ZoneOffset.UTC);

  private final List<String> texts = new ArrayList<>();
  private final List<String[]> paths = new ArrayList<>();

  @Override
  public void configure(Map<String, ?> config) {
    String[] pieces = String.valueOf(config.get("template")).split("[{}]", -1);
    for (int piece = 0; piece < pieces.length; piece++) {
      if (piece % 2 == 0) {
        texts.add(pieces[piece]);
      } else {
        paths.add(pieces[piece].split("\\."));
      }
    }
  }

  @Override
  public R apply(R record) {
    Map<?, ?> value = (Map<?, ?>) record.value();
    StringBuilder text = new StringBuilder(texts.get(0));
    for (int field = 0; field < paths.size(); field++) {
      text.append(found(value, paths.get(field))).append(texts.get(field + 1));
    }
    return record.newRecord(record.topic(), record.kafkaPartition(), record.keySchema(), record.key(),
        Schema.STRING_SCHEMA, text.toString(), record.timestamp());
  }

  private static Object found(Map<?, ?> value, String[] path) {
    if (path[0].equals("@time")) {
      return TIME.format(Instant.ofEpochSecond(((Number) value.get("timestamp")).longValue()));
    }
    Object found = value;
    for (String name : path) {
      found = ((Map<?, ?>) found).get(name);
      if (found == null) {
        throw new DataException("no field " + name);
      }
    }
    return found;
  }

  @Override
  public ConfigDef config() {
    return new ConfigDef().define("template", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "The text, with {fields}.");
  }

  @Override
  public void close() {}
}
