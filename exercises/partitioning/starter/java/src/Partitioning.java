import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
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
    private static volatile boolean stopping;

    public static void main(String[] args) throws Exception {
        Settings settings = new Settings();
        CountDownLatch closed = new CountDownLatch(1);
        // A JVM that gets SIGTERM runs its hooks and then ends with 143; halt() sets another code.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping = true;
            try {
                closed.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            Runtime.getRuntime().halt(0);
        }));

        Properties reading = settings.connection();
        reading.put(ConsumerConfig.GROUP_ID_CONFIG, settings.groupId);
        reading.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        // TODO: when may an offset be committed?
        reading.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, true);
        ObjectMapper json = new ObjectMapper();
        try (var consumer = new KafkaConsumer<>(
                        reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
                var producer = new KafkaProducer<>(
                        settings.connection(), new ByteArraySerializer(), new ByteArraySerializer())) {
            // TODO: what is to happen when partitions are taken away?
            consumer.subscribe(List.of(settings.inputTopic));
            while (!stopping) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    if (settings.mode.equals("work")) {
                        // TODO: one record after another is too slow.
                        Thread.sleep(json.readTree(record.value()).get("work_ms").asLong());
                    }
                    // TODO: the partition, by settings.strategy; and settings.lingerMs.
                    producer.send(new ProducerRecord<>(
                            settings.outputTopic, record.key(), record.value()));
                }
            }
        } finally {
            closed.countDown();
        }
    }
}
