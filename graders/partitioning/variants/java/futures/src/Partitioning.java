import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A right solution, built differently: a Partitioner inside the producer, a chain of futures for
 * each key, one future for each record, the group protocol of KIP-848, no JSON library.
 */
public final class Partitioning implements ConsumerRebalanceListener {
    private static final Pattern WORK = Pattern.compile("\"work_ms\"\\s*:\\s*(\\d+)");

    private final boolean works = System.getenv("MODE").equals("work");
    private final String output = System.getenv("OUTPUT_TOPIC");
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final KafkaProducer<byte[], byte[]> producer;
    /** For each partition of ours the records that are read and not committed, by offset. */
    private final Map<TopicPartition, TreeMap<Long, CompletableFuture<Void>>> open =
            new HashMap<>();
    private final Map<TopicPartition, CompletableFuture<Void>> taken = new HashMap<>();
    private final Map<TopicPartition, Map<ByteBuffer, CompletableFuture<Void>>> lastOfKey =
            new HashMap<>();

    private Partitioning() {
        Map<String, Object> reading = Connection.properties();
        reading.put("group.id", System.getenv("GROUP_ID"));
        reading.put("group.protocol", "consumer");
        reading.put("auto.offset.reset", "earliest");
        reading.put("enable.auto.commit", "false");
        reading.put("max.poll.records", "100");
        consumer = new KafkaConsumer<>(
                reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        Map<String, Object> writing = Connection.properties();
        writing.put("linger.ms", System.getenv("LINGER_MS"));
        writing.put("metadata.max.age.ms", "1500");
        writing.put("partitioner.class", ByStrategy.class.getName());
        writing.put("lab.strategy", works ? "hash" : System.getenv("STRATEGY"));
        // Together with idempotence, which is this client's default, five in flight keep order.
        writing.put("enable.idempotence", "true");
        producer = new KafkaProducer<>(
                writing, new ByteArraySerializer(), new ByteArraySerializer());
    }

    public static void main(String[] args) {
        Partitioning program = new Partitioning();
        CountDownLatch over = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            program.consumer.wakeup();
            try {
                Runtime.getRuntime().halt(over.await(9, TimeUnit.SECONDS) ? 0 : 3);
            } catch (InterruptedException e) {
                Runtime.getRuntime().halt(3);
            }
        }));
        try {
            program.loop();
        } catch (WakeupException stopped) {
            program.settle(Set.copyOf(program.open.keySet()));
            program.consumer.close(CloseOptions.timeout(Duration.ofSeconds(2)));
            program.producer.close(Duration.ofSeconds(2));
            over.countDown();
        } catch (Throwable e) {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private void loop() {
        consumer.subscribe(List.of(System.getenv("INPUT_TOPIC")), this);
        while (true) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                TopicPartition place = new TopicPartition(record.topic(), record.partition());
                open.get(place).put(record.offset(), begin(record, place));
            }
            commit(Set.copyOf(open.keySet()));
        }
    }

    /** A future that is done when the record's copy is acknowledged, or when it was put aside. */
    private CompletableFuture<Void> begin(
            ConsumerRecord<byte[], byte[]> record, TopicPartition place) {
        if (!works) {
            return write(record);
        }
        Matcher found = WORK.matcher(new String(record.value(), StandardCharsets.UTF_8));
        if (!found.find()) {
            throw new IllegalArgumentException("no work_ms");
        }
        Executor later = CompletableFuture.delayedExecutor(
                Long.parseLong(found.group(1)), TimeUnit.MILLISECONDS);
        CompletableFuture<Void> takenAway = taken.get(place);
        CompletableFuture<Void> finished = new CompletableFuture<>();
        Map<ByteBuffer, CompletableFuture<Void>> lasts = lastOfKey.get(place);
        ByteBuffer key = ByteBuffer.wrap(record.key());
        CompletableFuture<Void> before =
                lasts.getOrDefault(key, CompletableFuture.completedFuture(null));
        lasts.put(key, before.thenCompose(nothing -> {
            if (takenAway.isDone()) {
                finished.cancel(false);
                return CompletableFuture.completedFuture(null);
            }
            return CompletableFuture.runAsync(() -> write(record).whenComplete((ok, error) -> {
                if (error == null) {
                    finished.complete(null);
                } else {
                    finished.completeExceptionally(error);
                }
            }), later);
        }));
        lasts.get(key).exceptionally(error -> {
            finished.completeExceptionally(error);
            return null;
        });
        return finished;
    }

    private CompletableFuture<Void> write(ConsumerRecord<byte[], byte[]> record) {
        CompletableFuture<Void> acknowledged = new CompletableFuture<>();
        producer.send(new ProducerRecord<>(output, record.key(), record.value()), (at, error) -> {
            if (error == null) {
                acknowledged.complete(null);
            } else {
                acknowledged.completeExceptionally(error);
            }
        });
        return acknowledged;
    }

    /** Commits up to the first record that is not finished. */
    private void commit(Collection<TopicPartition> places) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (TopicPartition place : places) {
            for (var entry : open.get(place).entrySet()) {
                if (!entry.getValue().isDone() || entry.getValue().isCancelled()) {
                    break;
                }
                entry.getValue().join(); // throws if it could not be written
                offsets.put(place, new OffsetAndMetadata(entry.getKey() + 1));
            }
        }
        if (!offsets.isEmpty()) {
            consumer.commitSync(offsets);
            offsets.forEach((place, to) -> open.get(place).headMap(to.offset()).clear());
        }
    }

    /** Begins nothing new of these partitions, finishes what is in hand, commits. */
    private void settle(Collection<TopicPartition> places) {
        places.forEach(place -> taken.get(place).complete(null));
        for (TopicPartition place : places) {
            lastOfKey.get(place).values().forEach(CompletableFuture::join); // half a second at most
        }
        producer.flush();
        commit(places);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> places) {
        for (TopicPartition place : places) {
            open.put(place, new TreeMap<>());
            taken.put(place, new CompletableFuture<>());
            lastOfKey.put(place, new HashMap<>());
        }
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> places) {
        settle(places);
        onPartitionsLost(places);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> places) {
        for (TopicPartition place : places) {
            taken.remove(place).complete(null);
            open.remove(place);
            lastOfKey.remove(place);
        }
    }
}
