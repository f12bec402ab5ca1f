import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Copies records by a chosen partitioning strategy, or works on them in parallel yet in order. */
public final class Partitioning {
    private final Settings settings = new Settings();
    private final Consumer<byte[], byte[]> consumer = new KafkaConsumer<>(
            consumerConfig(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    private final Producer<byte[], byte[]> producer = new KafkaProducer<>(
            producerConfig(), new ByteArraySerializer(), new ByteArraySerializer());
    private volatile boolean stopping;

    public static void main(String[] args) {
        Partitioning program = new Partitioning();
        CompletableFuture<Integer> exitCode = new CompletableFuture<>();
        // A JVM that gets SIGTERM runs its hooks and then ends with 143; halt() sets another code.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            program.stopping = true;
            int code;
            try {
                code = exitCode.get(9, TimeUnit.SECONDS);
            } catch (Exception e) {
                code = 1;
            }
            Runtime.getRuntime().halt(code);
        }));
        exitCode.complete(program.run());
        System.exit(exitCode.join());
    }

    private Properties consumerConfig() {
        Properties config = settings.connection();
        config.put(ConsumerConfig.GROUP_ID_CONFIG, settings.groupId);
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        return config;
    }

    private Properties producerConfig() {
        Properties config = settings.connection();
        // A write that is tried again is neither doubled nor overtaken by the next.
        config.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        config.put(ProducerConfig.ACKS_CONFIG, "all");
        config.put(ProducerConfig.LINGER_MS_CONFIG, settings.lingerMs);
        // The number of partitions is asked again so often; the default is five minutes.
        config.put(ProducerConfig.METADATA_MAX_AGE_CONFIG, 2_000);
        return config;
    }

    private int run() {
        try {
            if (settings.mode.equals("work")) {
                new Worker(settings, consumer, producer).run(() -> stopping);
            } else {
                produce(Strategy.named(settings.strategy, settings));
            }
            return 0;
        } catch (Exception e) {
            System.err.println("leaving: " + e);
            return 1;
        } finally {
            consumer.close(CloseOptions.timeout(Duration.ofSeconds(2)));
            producer.close(Duration.ofSeconds(3));
        }
    }

    private void produce(Strategy strategy) throws Exception {
        AtomicReference<Exception> failure = new AtomicReference<>();
        consumer.subscribe(List.of(settings.inputTopic));
        while (!stopping) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                int count = producer.partitionsFor(settings.outputTopic).size();
                int partition = strategy.partition(record.key(), count);
                producer.send(
                        new ProducerRecord<>(
                                settings.outputTopic, partition, record.key(), record.value()),
                        (metadata, error) -> {
                            if (error != null) {
                                failure.set(error);
                            }
                        });
            }
            if (failure.get() != null) {
                throw failure.get();
            }
        }
        producer.flush();
    }
}
