import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Turns every transfer into one debit and one credit.
 *
 * <p>It works on a sunny day. It is at-least-once at best: nothing ties the debit, the credit and
 * the consumed offset together. The TODOs say where; guide.md says what is asked.
 */
public final class TransferService {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration STOP = Duration.ofSeconds(8);

    private final Settings settings;
    private final Consumer<byte[], byte[]> consumer;
    private final Producer<byte[], byte[]> producer;
    private volatile boolean stopping;

    private TransferService(Settings settings) {
        this.settings = settings;
        this.consumer = new KafkaConsumer<>(
                consumerConfig(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
        this.producer = new KafkaProducer<>(
                producerConfig(), new ByteArraySerializer(), new ByteArraySerializer());
    }

    public static void main(String[] args) {
        TransferService service = new TransferService(new Settings());
        CompletableFuture<Integer> exitCode = new CompletableFuture<>();
        // A JVM that gets SIGTERM runs its shutdown hooks and then ends with 143, whatever the
        // main thread would like to return. So the hook waits for the main thread to drain, and
        // ends the process itself: halt() is the only call that sets another code from there.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            service.stop();
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

    private Properties consumerConfig() {
        Properties config = settings.connection();
        config.put(ConsumerConfig.GROUP_ID_CONFIG, settings.groupId);
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        // TODO: which records does this consumer read? Its default is not what the brief asks.
        return config;
    }

    private Properties producerConfig() {
        Properties config = settings.connection();
        // TODO: a transactional producer needs its name: settings.transactionalId.
        return config;
    }

    /** Asks run() to end. Called from another thread: wakeup() is the consumer's one safe call. */
    private void stop() {
        stopping = true;
        consumer.wakeup();
    }

    /** Works until stopped. Returns the exit code. */
    private int run() {
        try {
            // TODO: before the first transaction, end what a predecessor left open.
            consumer.subscribe(List.of(settings.transfersTopic));
            while (!stopping) {
                handle(consumer.poll(Duration.ofMillis(500)));
            }
        } catch (WakeupException e) {
            // stop() woke us
        } catch (Exception e) {
            // TODO: which errors are to be retried, which abort the transaction (and what else has
            // to go back then?), and which end the process?
            System.err.println("leaving: " + e);
            return 1;
        } finally {
            consumer.close();
            producer.close(Duration.ofSeconds(2));
        }
        return 0;
    }

    private void handle(ConsumerRecords<byte[], byte[]> batch) {
        if (batch.isEmpty()) {
            return;
        }
        // TODO: the debits, the credits and the offsets have to become visible together, or not
        // at all. Here each goes its own way, and a kill between two of them shows.
        for (ConsumerRecord<byte[], byte[]> record : batch) {
            try {
                JsonNode transfer = JSON.readTree(record.value());
                // TODO: the brief has more rules than this for a valid transfer.
                book(settings.debitsTopic, transfer.get("from").asText(), transfer);
                book(settings.creditsTopic, transfer.get("to").asText(), transfer);
            } catch (IOException | RuntimeException e) {
                // TODO: abort; then the record goes, as it is, to settings.rejectsTopic.
                System.err.println("invalid transfer at offset " + record.offset() + ": " + e);
            }
        }
        producer.flush();
        consumer.commitSync();
    }

    private void book(String topic, String account, JsonNode transfer) {
        byte[] value = JSON.createObjectNode()
                .put("transfer_id", transfer.get("id").asText())
                .put("account", account)
                .put("amount", transfer.get("amount").asLong())
                .toString()
                .getBytes(StandardCharsets.UTF_8);
        producer.send(new ProducerRecord<>(topic, account.getBytes(StandardCharsets.UTF_8), value));
    }
}
