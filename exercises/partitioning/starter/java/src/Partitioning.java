import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
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
 * Copies records by a partitioning strategy, or works on them. It runs; it is not right yet.
 *
 * <p>TODO: the four strategies, and a worker that is parallel yet in order. The brief is in
 * README.md; `kafka-lab check` says how far you are.
 */
public final class Partitioning {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration STOP = Duration.ofSeconds(9);

    private final Settings settings;
    private final Consumer<byte[], byte[]> consumer;
    private final Producer<byte[], byte[]> producer;
    private volatile boolean stopping;

    private Partitioning(Settings settings) {
        this.settings = settings;
        this.consumer = new KafkaConsumer<>(
                consumerConfig(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
        this.producer = new KafkaProducer<>(
                producerConfig(), new ByteArraySerializer(), new ByteArraySerializer());
    }

    public static void main(String[] args) {
        Partitioning program = new Partitioning(new Settings());
        CompletableFuture<Integer> exitCode = new CompletableFuture<>();
        // A JVM that gets SIGTERM runs its shutdown hooks and then ends with 143, whatever the
        // main thread would like to return. So the hook waits for the main thread to drain, and
        // ends the process itself: halt() is the only call that sets another code from there.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            program.stopping = true;
            int code;
            try {
                code = exitCode.get(STOP.toMillis(), TimeUnit.MILLISECONDS);
            } catch (Exception e) {
                code = 1; // not drained in time
            }
            Runtime.getRuntime().halt(code);
        }));
        exitCode.complete(program.run());
        System.exit(exitCode.join()); // runs the hook, also when nobody sent a signal
    }

    private Properties consumerConfig() {
        Properties config = settings.connection();
        config.put(ConsumerConfig.GROUP_ID_CONFIG, settings.groupId);
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        // TODO: when may an offset be committed? By default a timer does it.
        return config;
    }

    private Properties producerConfig() {
        Properties config = settings.connection();
        // TODO: settings.lingerMs; and how long may this client believe in a number of partitions?
        return config;
    }

    private int run() {
        try {
            // TODO: what is to happen when partitions are taken away? See the second parameter.
            consumer.subscribe(List.of(settings.inputTopic));
            while (!stopping) {
                for (ConsumerRecord<byte[], byte[]> record
                        : consumer.poll(Duration.ofMillis(100))) {
                    handle(record);
                }
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

    private void handle(ConsumerRecord<byte[], byte[]> record) throws Exception {
        if (!settings.produce) {
            // TODO: one record after another is too slow.
            Thread.sleep(JSON.readTree(record.value()).path("work_ms").asLong());
        }
        // TODO: the partition, by settings.strategy: ProducerRecord takes one as a parameter. What
        // this client does by itself is right for one kind of key in one of the strategies.
        producer.send(new ProducerRecord<>(settings.outputTopic, record.key(), record.value()));
    }
}
