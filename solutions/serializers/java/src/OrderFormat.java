import java.util.Map;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serializer;

/** One of the encodings, as Kafka's clients want it. What cannot be read throws {@link Invalid}. */
abstract class OrderFormat implements Serializer<Order>, Deserializer<Order> {
    final String contentType;

    OrderFormat(String contentType) {
        this.contentType = contentType;
    }

    // Both interfaces have these, each with a default of its own.

    @Override
    public void configure(Map<String, ?> configs, boolean isKey) {}

    @Override
    public void close() {}
}
