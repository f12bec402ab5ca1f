import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Turns every transfer into one debit and one credit, exactly once.
 *
 * <p>One transaction holds what one poll() returned: all debits, all credits and the consumed
 * offsets. Whatever kills this process, and whenever: either all of that is visible or none of
 * it, and the next start goes on where the last committed transaction ends. Nothing that matters
 * is kept in memory only.
 */
public final class TransferService {
    /** How long a client call may block. A longer wait is retried by us, where retrying is right. */
    private static final Duration PATIENCE = Duration.ofSeconds(3);
    /** How long a stop may take: the brief allows ten seconds. */
    private static final Duration STOP = Duration.ofSeconds(8);

    private final Settings settings;
    private final Consumer<byte[], byte[]> consumer;
    private final Producer<byte[], byte[]> producer;
    private volatile boolean stopping;

    private TransferService(Settings settings) {
        this.settings = settings;
        this.consumer = new KafkaConsumer<>(
                consumerConfig(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
        this.producer = newProducer();
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
                code = 1; // not drained in time; the next start will end what is left open
            }
            Runtime.getRuntime().halt(code);
        }));
        exitCode.complete(service.run());
        System.exit(exitCode.join()); // runs the hook, also when nobody sent a signal
    }

    private Properties consumerConfig() {
        Properties config = settings.connection();
        config.put(ConsumerConfig.GROUP_ID_CONFIG, settings.groupId);
        // The Java client's default is read_uncommitted: it would hand us transfers that their
        // own sender took back.
        config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        // Offsets are committed by the producer, inside the transaction, and nowhere else.
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        config.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 100); // short transactions
        config.put(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, 10_000);
        return config;
    }

    private Producer<byte[], byte[]> newProducer() {
        Properties config = settings.connection();
        // The same at every start: this is how the broker knows that we are the successor of the
        // instance that was killed, ends its open transaction and fences it should it wake up.
        config.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, settings.transactionalId);
        config.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, PATIENCE.toMillis());
        // The broker puts off a transaction while it still ends the one before. With the default of
        // 100 ms that wait would be most of our work.
        config.put(ProducerConfig.RETRY_BACKOFF_MS_CONFIG, 10);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** Asks run() to end. Called from another thread: wakeup() is the consumer's one safe call. */
    private void stop() {
        stopping = true;
        consumer.wakeup();
    }

    /** Works until stopped (exit code 0) or until an error that this instance cannot survive (1). */
    private int run() {
        try {
            retryTimeouts(producer::initTransactions);
            consumer.subscribe(List.of(settings.transfersTopic));
            while (!stopping) {
                List<ConsumerRecord<byte[], byte[]>> batch = new ArrayList<>();
                consumer.poll(Duration.ofMillis(500)).forEach(batch::add);
                try {
                    handle(batch);
                } catch (ProducerFencedException e) {
                    throw e; // a successor runs: there is nothing left for us to abort or to retry
                } catch (KafkaException e) {
                    // Either abortable, and then abort() succeeds; or fatal, and then abort()
                    // fails too and ends this process. The client knows which; no list of
                    // exceptions of ours would stay right.
                    log("aborting, then trying again: " + e);
                    abort();
                    rewind();
                }
            }
        } catch (WakeupException e) {
            // Only stop() wakes us, and only in poll() or rewind(): no transaction is open there.
        } catch (Exception e) {
            log("leaving: " + e);
            return 1;
        } finally {
            closeQuietly(() -> consumer.close(CloseOptions.timeout(Duration.ofSeconds(2))));
            closeQuietly(() -> producer.close(Duration.ofSeconds(2)));
        }
        return 0;
    }

    /** Books all valid transfers of a batch; each invalid one is rejected in a transaction of its own. */
    private void handle(List<ConsumerRecord<byte[], byte[]>> batch) {
        List<ConsumerRecord<byte[], byte[]>> rest = batch;
        while (!rest.isEmpty()) {
            Refusal refusal = book(rest);
            if (refusal == null) {
                return;
            }
            // The transaction in which the invalid transfer turned up is aborted, and with it the
            // good transfers before it. They are booked again without it.
            book(rest.subList(0, refusal.index));
            reject(rest.get(refusal.index), refusal.reason);
            rest = rest.subList(refusal.index + 1, rest.size());
        }
    }

    /** Which transfer of a batch is invalid, and why. */
    private record Refusal(int index, String reason) {}

    /**
     * One transaction with the debits and credits of these records, and their offsets.
     *
     * @return null if it was committed, else the first invalid transfer, after an abort
     */
    private Refusal book(List<ConsumerRecord<byte[], byte[]>> records) {
        if (records.isEmpty()) {
            return null;
        }
        producer.beginTransaction();
        for (int i = 0; i < records.size(); i++) {
            Transfer transfer;
            try {
                transfer = Transfer.parse(records.get(i).value());
            } catch (Transfer.Invalid e) {
                abort();
                return new Refusal(i, e.getMessage());
            }
            // No callback and no get(): a send that fails makes the commit below fail.
            producer.send(new ProducerRecord<>(
                    settings.debitsTopic, utf8(transfer.from()), transfer.debit()));
            producer.send(new ProducerRecord<>(
                    settings.creditsTopic, utf8(transfer.to()), transfer.credit()));
        }
        commit(records);
        return null;
    }

    /** One transaction with the rejected record, as it came, and its offset. */
    private void reject(ConsumerRecord<byte[], byte[]> record, String reason) {
        producer.beginTransaction();
        ProducerRecord<byte[], byte[]> rejected =
                new ProducerRecord<>(settings.rejectsTopic, record.key(), record.value());
        rejected.headers().add("reason", utf8(reason));
        producer.send(rejected);
        commit(List.of(record));
    }

    /** Puts the offsets after these records into the open transaction, and commits it. */
    private void commit(List<ConsumerRecord<byte[], byte[]>> records) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (ConsumerRecord<byte[], byte[]> record : records) {
            // A committed offset is the next one to read, not the last one read: hence + 1.
            offsets.put(new TopicPartition(record.topic(), record.partition()),
                    new OffsetAndMetadata(record.offset() + 1));
        }
        // With the group's metadata the coordinator also refuses the offsets of a member that
        // has been replaced since.
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        // A commit that timed out may have happened or not. An abort now would be a guess, and
        // sending the batch again a second guess; the same commit again is right in both cases.
        retryTimeouts(producer::commitTransaction);
    }

    private void abort() {
        retryTimeouts(producer::abortTransaction);
    }

    /**
     * Back to the last committed offsets. An abort takes back what we wrote, but not what we read:
     * without this, the next poll() goes on behind the aborted batch, and its transfers are lost.
     */
    private void rewind() {
        Set<TopicPartition> assigned = consumer.assignment();
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(assigned);
        for (TopicPartition partition : assigned) {
            OffsetAndMetadata offset = committed.get(partition);
            if (offset != null) {
                consumer.seek(partition, offset);
            } else {
                consumer.seekToBeginning(List.of(partition));
            }
        }
        pause();
    }

    /** A missing permission is not back within a millisecond: do not ask a thousand times. */
    private void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(200);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * For initTransactions, commitTransaction and abortTransaction: after a timeout each of them
     * may, and the last two must, be called again. While the cluster is away this waits for it;
     * a stop does not wait longer than its own deadline.
     */
    private void retryTimeouts(Runnable call) {
        while (true) {
            try {
                call.run();
                return;
            } catch (TimeoutException e) {
                log("no answer yet, trying again: " + e.getMessage());
            }
        }
    }

    private static void closeQuietly(Runnable close) {
        try {
            close.run();
        } catch (KafkaException e) {
            log("while closing: " + e);
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void log(String message) {
        System.err.println(message);
    }
}
