import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Copies records by a chosen strategy, or works on them in parallel and yet in order. */
public final class Partitioning {
    /** Records in memory; above it the consumer is paused, and still polled. */
    private static final int MOST_WAITING = 500;
    private static final Duration POLL = Duration.ofMillis(50);
    /** How long a stop may take: the brief allows ten seconds. */
    private static final Duration STOP = Duration.ofSeconds(9);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Settings settings;
    private final Consumer<byte[], byte[]> consumer;
    private final Producer<byte[], byte[]> producer;
    private final Lines lines = new Lines(this::handle);
    private final Map<TopicPartition, OwnedPartition> owned = new HashMap<>();
    private volatile boolean stopping;
    private volatile Exception failure;

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
        config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        return config;
    }

    private Properties producerConfig() {
        Properties config = settings.connection();
        config.put(ProducerConfig.LINGER_MS_CONFIG, settings.lingerMs);
        // A write that is tried again is neither doubled nor overtaken by the next one. It is the
        // default of this client, and switched off silently by some other settings: so say it.
        config.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        // partitionsFor() answers from what the client knows, by default for five minutes.
        config.put(ProducerConfig.METADATA_MAX_AGE_CONFIG, 2000);
        return config;
    }

    /** Works until stopped (exit code 0) or until an error that this instance cannot survive (1). */
    private int run() {
        int code = 0;
        try {
            work();
        } catch (Exception e) {
            System.err.println("leaving: " + e);
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

    private void work() throws Exception {
        Strategy strategy = settings.produce ? Strategies.named(settings) : Strategies::hash;
        consumer.subscribe(List.of(settings.inputTopic), new Handover());
        boolean paused = false;
        long due = System.nanoTime();
        while (!stopping) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                OwnedPartition partition =
                        owned.get(new TopicPartition(record.topic(), record.partition()));
                partition.take(record.offset());
                if (settings.produce) {
                    write(partition, record, strategy);
                } else {
                    lines.add(partition, record);
                }
            }
            if (failure != null) {
                throw failure;
            }
            if (paused != lines.backlog() > MOST_WAITING) {
                paused = !paused;
                if (paused) {
                    consumer.pause(consumer.assignment());
                } else {
                    consumer.resume(consumer.assignment());
                }
            }
            if (System.nanoTime() - due >= 0) {
                commitFinished(owned.keySet());
                due = System.nanoTime() + 200_000_000;
            }
        }
        giveUp(owned.keySet());
    }

    /** In the mode work, on a worker's thread. */
    private void handle(OwnedPartition partition, ConsumerRecord<byte[], byte[]> record) {
        try {
            // Stands for the work.
            Thread.sleep(JSON.readTree(record.value()).path("work_ms").asLong());
            write(partition, record, Strategies::hash);
        } catch (Exception e) {
            failure = e;
        }
    }

    private void write(OwnedPartition partition, ConsumerRecord<byte[], byte[]> record,
            Strategy strategy) {
        int count = producer.partitionsFor(settings.outputTopic).size();
        ProducerRecord<byte[], byte[]> copy = new ProducerRecord<>(settings.outputTopic,
                strategy.partition(record.key(), count), record.key(), record.value());
        producer.send(copy, (metadata, error) -> {
            if (error != null) {
                failure = error;
            } else {
                // Finished is what the cluster has acknowledged, not what the client was given.
                partition.finish(record.offset());
            }
        });
    }

    /** Called from within poll() and close(). */
    private final class Handover implements ConsumerRebalanceListener {
        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            partitions.forEach(place -> owned.put(place, new OwnedPartition()));
        }

        /** Until this returns, nobody else gets them: the last chance to finish and to commit. */
        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            try {
                giveUp(partitions);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            partitions.forEach(owned::remove);
        }

        /** Somebody else has them already: nothing may be committed any more. */
        @Override
        public void onPartitionsLost(Collection<TopicPartition> partitions) {
            try {
                lines.giveUp(ofThese(partitions), 0);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            partitions.forEach(owned::remove);
        }
    }

    private void giveUp(Collection<TopicPartition> partitions) throws InterruptedException {
        lines.giveUp(ofThese(partitions), 5000);
        producer.flush();
        commitFinished(partitions);
    }

    private List<OwnedPartition> ofThese(Collection<TopicPartition> partitions) {
        List<OwnedPartition> found = new ArrayList<>();
        for (TopicPartition place : partitions) {
            if (owned.containsKey(place)) {
                found.add(owned.get(place));
            }
        }
        return found;
    }

    private void commitFinished(Collection<TopicPartition> partitions) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (TopicPartition place : partitions) {
            Long offset = owned.containsKey(place) ? owned.get(place).committable() : null;
            if (offset != null) {
                offsets.put(place, new OffsetAndMetadata(offset));
            }
        }
        if (offsets.isEmpty()) {
            return;
        }
        try {
            consumer.commitSync(offsets);
            offsets.forEach((place, offset) -> owned.get(place).committed(offset.offset()));
        } catch (RebalanceInProgressException | CommitFailedException e) {
            // The next poll() takes part in the rebalance, and the handover commits, or finds out
            // that the partitions are lost.
            System.err.println("not committed: " + e.getMessage());
        }
    }
}
