import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
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
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Scans become Avro events, everybody's events become JSON, what cannot be understood is set aside.
 *
 * <p>At least once: an input's offset is committed only when the cluster has acknowledged what
 * came of it. The clients move bytes: a Deserializer that throws inside poll() would stop at the
 * same record for ever.
 */
public final class ScanService {
    private static final Duration STOP = Duration.ofSeconds(9);

    private final Settings settings;
    private final Registry registry;
    private final ScanCodec codec;
    private final Consumer<byte[], byte[]> consumer;
    private final Producer<byte[], byte[]> producer;
    private volatile boolean stopping;
    private volatile Exception failure;

    private ScanService(Settings settings) {
        this.settings = settings;
        this.registry = new Registry(settings.registryUrl, () -> stopping);
        this.codec = new ScanCodec(registry);
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
        ScanService service = new ScanService(new Settings());
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
            // The topic may carry other types of records one day: its name alone is no subject.
            String subject = settings.eventsTopic + "-" + ScanCodec.SCHEMA.getFullName();
            codec.writeWith(settings.registerSchemas
                    ? registry.register(subject, ScanCodec.SCHEMA_TEXT)
                    : registry.lookUp(subject, ScanCodec.SCHEMA_TEXT));
            consumer.subscribe(List.of(settings.scansTopic, settings.eventsTopic));
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

    private ProducerRecord<byte[], byte[]> outcome(ConsumerRecord<byte[], byte[]> record)
            throws InterruptedException {
        byte[] value = record.value();
        try {
            if (record.topic().equals(settings.scansTopic)) {
                Scan scan = Scan.parse(value);
                return new ProducerRecord<>(settings.eventsTopic,
                        scan.parcel().getBytes(StandardCharsets.UTF_8), codec.encode(scan));
            }
            // Null is a tombstone; an empty value is something else.
            return new ProducerRecord<>(settings.jsonTopic, record.key(),
                    value == null ? null : codec.json(value));
        } catch (Invalid e) {
            ProducerRecord<byte[], byte[]> dead =
                    new ProducerRecord<>(settings.deadTopic, record.key(), value);
            dead.headers().add("reason", e.getMessage().getBytes(StandardCharsets.UTF_8));
            return dead;
        }
    }
}
