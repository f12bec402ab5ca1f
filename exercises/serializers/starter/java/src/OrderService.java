import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import orders.v1.OrderEvents.OrderEvent;
import orders.v1.OrderEvents.Status;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The order service. It knows one of three encodings, and trusts whatever arrives.
 *
 * <p>TODO: make it do what the brief in README.md says; `kafka-lab check` says how far you are.
 */
public final class OrderService {
    private static final Duration STOP = Duration.ofSeconds(9);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Settings settings;
    private final Consumer<byte[], byte[]> consumer;
    private final Producer<byte[], byte[]> producer;
    private volatile boolean stopping;

    private OrderService(Settings settings) {
        this.settings = settings;
        Properties reading = settings.connection();
        reading.put(ConsumerConfig.GROUP_ID_CONFIG, settings.groupId);
        reading.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        // TODO: by default offsets are committed by a timer, whatever became of the records.
        this.consumer = new KafkaConsumer<>(
                reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        this.producer = new KafkaProducer<>(
                settings.connection(), new ByteArraySerializer(), new ByteArraySerializer());
    }

    public static void main(String[] args) {
        OrderService service = new OrderService(new Settings());
        CompletableFuture<Integer> exitCode = new CompletableFuture<>();
        // A JVM that gets SIGTERM runs its shutdown hooks and then ends with 143, whatever the
        // main thread would like to return. So the hook waits for the main thread to drain, and
        // ends the process itself: halt() is the only call that sets another code from there.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            service.stopping = true;
            int code;
            try {
                code = exitCode.get(STOP.toMillis(), TimeUnit.MILLISECONDS);
            } catch (Exception e) {
                code = 1; // not drained in time
            }
            Runtime.getRuntime().halt(code);
        }));
        exitCode.complete(service.run());
        System.exit(exitCode.join()); // runs the hook, also when nobody sent a signal
    }

    private int run() {
        try {
            consumer.subscribe(List.of(
                    settings.commandsTopic, settings.partnerTopic, settings.eventsTopic));
            while (!stopping) {
                for (ConsumerRecord<byte[], byte[]> record
                        : consumer.poll(Duration.ofMillis(200))) {
                    producer.send(outcome(record));
                }
                producer.flush(); // TODO: and if a write has failed?
            }
        } catch (Exception e) {
            System.err.println("leaving: " + e);
            return 1;
        } finally {
            consumer.close(CloseOptions.timeout(Duration.ofSeconds(2)));
            producer.close(Duration.ofSeconds(2));
        }
        return 0;
    }

    private ProducerRecord<byte[], byte[]> outcome(ConsumerRecord<byte[], byte[]> record)
            throws Exception {
        if (record.topic().equals(settings.commandsTopic)) {
            JsonNode command = JSON.readTree(record.value());
            // TODO: headers.
            return new ProducerRecord<>(settings.eventsTopic,
                    command.path("order_id").asText().getBytes(StandardCharsets.UTF_8),
                    encode(command));
        }
        // TODO: canonical JSON, tombstones; what cannot be understood goes to settings.deadTopic.
        return new ProducerRecord<>(settings.jsonTopic, record.key(), decode(record.value()));
    }

    private static byte[] encode(JsonNode command) {
        // TODO: the command may also ask for avro (order_event.avsc) and binary.
        return OrderEvent.newBuilder()
                .setOrderId(command.path("order_id").asText())
                .setCustomer(command.path("customer").asText())
                .setStatus(Status.valueOf(command.path("status").asText()))
                // TODO: money is never a double.
                .setAmountCents((long) (command.path("amount").asDouble() * 100))
                .setCurrency(command.path("currency").asText())
                .setOccurredAt(command.path("occurred_at").asLong())
                .build()
                .toByteArray();
    }

    private static byte[] decode(byte[] value) throws Exception {
        // TODO: which encoding it is, the header content-type says. And if it cannot be decoded?
        OrderEvent event = OrderEvent.parseFrom(value);
        return JSON.writeValueAsBytes(JSON.createObjectNode()
                .put("order_id", event.getOrderId())
                .put("customer", event.getCustomer())
                .put("amount", event.getAmountCents()));
    }
}
