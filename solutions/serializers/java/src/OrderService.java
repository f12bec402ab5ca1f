import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Commands become events, events become canonical JSON, what cannot be understood is set aside.
 *
 * <p>At least once: an input's offset is committed only when the cluster has acknowledged what
 * came of it. The clients move bytes: a Deserializer that throws inside poll() would stop at the
 * same record for ever.
 */
public final class OrderService {
    private static final Duration STOP = Duration.ofSeconds(9);
    private static final String CONTENT_TYPE = "content-type";
    private static final Map<String, OrderFormat> BY_NAME = Map.of(
            "protobuf", new ProtobufFormat(),
            "avro", new AvroFormat(),
            "binary", new BinaryFormat());
    private static final Map<String, OrderFormat> BY_TYPE = new HashMap<>();

    static {
        BY_NAME.values().forEach(format -> BY_TYPE.put(format.contentType, format));
    }

    private final Settings settings;
    private final Consumer<byte[], byte[]> consumer;
    private final Producer<byte[], byte[]> producer;
    private volatile boolean stopping;
    private volatile Exception failure;

    private OrderService(Settings settings) {
        this.settings = settings;
        Properties reading = settings.connection();
        reading.put(ConsumerConfig.GROUP_ID_CONFIG, settings.groupId);
        reading.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        // Committed by hand, when the output is acknowledged.
        reading.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        this.consumer = new KafkaConsumer<>(
                reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        Properties writing = settings.connection();
        writing.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        writing.put(ProducerConfig.LINGER_MS_CONFIG, 0);
        this.producer = new KafkaProducer<>(
                writing, new ByteArraySerializer(), new ByteArraySerializer());
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

    /** Works until stopped (exit code 0) or until an error that this instance cannot survive (1). */
    private int run() {
        int code = 0;
        try {
            consumer.subscribe(List.of(
                    settings.commandsTopic, settings.partnerTopic, settings.eventsTopic));
            while (!stopping) {
                ConsumerRecords<byte[], byte[]> batch = consumer.poll(Duration.ofMillis(200));
                if (!batch.isEmpty()) {
                    handle(batch);
                }
            }
        } catch (Exception e) {
            System.err.println("leaving, to be started again: " + e);
            code = 1;
        }
        try {
            consumer.close(CloseOptions.timeout(Duration.ofSeconds(2)));
            producer.close(Duration.ofSeconds(2));
        } catch (KafkaException e) {
            System.err.println("while closing: " + e);
        }
        return code;
    }

    private void handle(ConsumerRecords<byte[], byte[]> batch) throws Exception {
        Map<TopicPartition, OffsetAndMetadata> next = new HashMap<>();
        for (ConsumerRecord<byte[], byte[]> record : batch) {
            producer.send(outcome(record), (metadata, error) -> {
                if (error != null) {
                    failure = error;
                }
            });
            next.put(new TopicPartition(record.topic(), record.partition()),
                    new OffsetAndMetadata(record.offset() + 1));
        }
        producer.flush();
        if (failure != null) {
            throw failure; // nothing of this batch is committed: the next start begins with it
        }
        consumer.commitSync(next);
    }

    private ProducerRecord<byte[], byte[]> outcome(ConsumerRecord<byte[], byte[]> record) {
        try {
            return record.topic().equals(settings.commandsTopic) ? event(record) : json(record);
        } catch (Invalid e) {
            List<Header> headers = listOf(record);
            headers.add(header("reason", e.getMessage()));
            return new ProducerRecord<>(
                    settings.deadTopic, null, record.key(), record.value(), headers);
        }
    }

    /** What becomes of a command. */
    private ProducerRecord<byte[], byte[]> event(ConsumerRecord<byte[], byte[]> record) {
        Command command = Command.parse(record.value());
        OrderFormat format = command.encoding() == null ? null : BY_NAME.get(command.encoding());
        if (format == null) {
            throw new Invalid("encoding is none of the three");
        }
        Header trace = record.headers().lastHeader("trace-id");
        boolean known = trace != null && trace.value() != null && trace.value().length > 0;
        List<Header> headers = List.of(
                header(CONTENT_TYPE, format.contentType),
                header("schema-version", "1"),
                known ? trace : header("trace-id", UUID.randomUUID().toString()),
                header("produced-at", Long.toString(System.currentTimeMillis())));
        return new ProducerRecord<>(settings.eventsTopic, null,
                command.order().orderId().getBytes(StandardCharsets.UTF_8),
                format.serialize(settings.eventsTopic, command.order()), headers);
    }

    /** What becomes of an event. */
    private ProducerRecord<byte[], byte[]> json(ConsumerRecord<byte[], byte[]> record) {
        List<Header> headers = listOf(record);
        if (record.value() == null) { // a tombstone; an empty value is something else
            return new ProducerRecord<>(settings.jsonTopic, null, record.key(), null, headers);
        }
        Header said = record.headers().lastHeader(CONTENT_TYPE);
        OrderFormat format = said == null ? null : BY_TYPE.get(typeOf(said.value()));
        if (format == null) {
            throw new Invalid("content-type is missing or none of the three");
        }
        if (record.value().length == 0) {
            throw new Invalid("the value is empty");
        }
        byte[] value = format.deserialize(record.topic(), record.value()).canonicalJson();
        headers.removeIf(header -> header.key().equals(CONTENT_TYPE));
        headers.add(header(CONTENT_TYPE, "application/json"));
        return new ProducerRecord<>(settings.jsonTopic, null, record.key(), value, headers);
    }

    private static String typeOf(byte[] value) {
        String all = value == null ? "" : new String(value, StandardCharsets.ISO_8859_1);
        int parameters = all.indexOf(';');
        String name = parameters < 0 ? all : all.substring(0, parameters);
        return name.replaceAll("^[ \t]+|[ \t]+$", "").toLowerCase(Locale.ROOT);
    }

    /** The headers as they are: a list, in which a name may occur twice and a value be null. */
    private static List<Header> listOf(ConsumerRecord<byte[], byte[]> record) {
        List<Header> headers = new ArrayList<>();
        record.headers().forEach(headers::add);
        return headers;
    }

    private static Header header(String name, String value) {
        return new RecordHeader(name, value.getBytes(StandardCharsets.UTF_8));
    }
}
