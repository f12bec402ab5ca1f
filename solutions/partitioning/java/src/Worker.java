import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * Keys side by side, each key's records one after another, and commits without gaps.
 *
 * <p>The consumer belongs to the polling thread alone. Everything that the threads share is guarded
 * by this object's monitor.
 */
final class Worker implements ConsumerRebalanceListener {
    private static final int THREADS = 16;
    /** Records in memory; above it the partitions are paused, but still polled. */
    private static final int MOST_WAITING = 500;
    private static final long COMMIT_EVERY = TimeUnit.MILLISECONDS.toNanos(200);

    /** One partition that this instance owns: what of it was taken and what is finished. */
    private static final class Owned {
        final TreeSet<Long> unfinished = new TreeSet<>();
        boolean owned = true;
        int inHand;
        long next = -1;
        long committed = -1;

        /** Everything before this offset is finished. */
        long committable() {
            return unfinished.isEmpty() ? next : unfinished.first();
        }
    }

    private record Job(Owned partition, ConsumerRecord<byte[], byte[]> record) {}

    private final Settings settings;
    private final Consumer<byte[], byte[]> consumer;
    private final Producer<byte[], byte[]> producer;
    private final int outputs;
    private final ObjectMapper json = new ObjectMapper();
    private final ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    private final Map<TopicPartition, Owned> partitions = new HashMap<>();
    /** For each key what waits; its first job is in a thread's hand. */
    private final Map<ByteBuffer, Deque<Job>> lines = new HashMap<>();
    private int waiting;
    private volatile Exception failure;

    Worker(Settings settings, Consumer<byte[], byte[]> consumer, Producer<byte[], byte[]> producer) {
        this.settings = settings;
        this.consumer = consumer;
        this.producer = producer;
        this.outputs = producer.partitionsFor(settings.outputTopic).size();
    }

    /** Works until the program stops; throws what made a record fail. */
    void run(Stop stop) throws Exception {
        consumer.subscribe(List.of(settings.inputTopic), this);
        long committed = System.nanoTime();
        boolean paused = false;
        while (!stop.asked()) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(20))) {
                take(record);
            }
            if (failure != null) {
                throw failure;
            }
            if (paused != tooMany()) {
                paused = !paused;
                if (paused) {
                    consumer.pause(consumer.assignment());
                } else {
                    consumer.resume(consumer.assignment());
                }
            }
            if (System.nanoTime() - committed > COMMIT_EVERY) {
                commit(partitions.keySet());
                committed = System.nanoTime();
            }
        }
        giveUp(List.copyOf(partitions.keySet()));
        threads.shutdown();
    }

    private synchronized boolean tooMany() {
        return waiting > MOST_WAITING;
    }

    private synchronized void take(ConsumerRecord<byte[], byte[]> record) {
        Owned partition = partitions.get(new TopicPartition(record.topic(), record.partition()));
        partition.unfinished.add(record.offset());
        partition.next = record.offset() + 1;
        waiting++;
        ByteBuffer key = ByteBuffer.wrap(record.key());
        Deque<Job> line = lines.computeIfAbsent(key, k -> new ArrayDeque<>());
        line.add(new Job(partition, record));
        if (line.size() == 1) {
            threads.execute(() -> serve(key));
        }
    }

    /** One job of a key. The next one of the same key comes into a hand only afterwards. */
    private void serve(ByteBuffer key) {
        Job job;
        boolean wanted;
        synchronized (this) {
            job = lines.get(key).peek();
            wanted = job.partition.owned;
            job.partition.inHand += wanted ? 1 : 0;
        }
        try {
            if (wanted) {
                handle(job);
            }
        } catch (Exception e) {
            failure = e;
        }
        synchronized (this) {
            job.partition.inHand -= wanted ? 1 : 0;
            waiting--;
            lines.get(key).remove();
            if (lines.get(key).isEmpty()) {
                lines.remove(key);
            } else {
                threads.execute(() -> serve(key));
            }
            notifyAll();
        }
    }

    private void handle(Job job) throws Exception {
        ConsumerRecord<byte[], byte[]> record = job.record;
        Thread.sleep(json.readTree(record.value()).get("work_ms").asLong()); // stands for the work
        int partition = Strategy.hash(record.key(), outputs);
        producer.send(
                new ProducerRecord<>(settings.outputTopic, partition, record.key(), record.value()),
                (metadata, error) -> {
                    if (error != null) {
                        failure = error;
                        return;
                    }
                    // Finished is what the cluster has acknowledged, not what was handed to a client.
                    synchronized (this) {
                        job.partition.unfinished.remove(record.offset());
                    }
                });
    }

    @Override
    public synchronized void onPartitionsAssigned(Collection<TopicPartition> assigned) {
        assigned.forEach(place -> partitions.put(place, new Owned()));
    }

    /** Until this returns, nobody else gets the partitions: the last chance to finish and commit. */
    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> revoked) {
        giveUp(revoked);
    }

    /** Somebody else has them already: nothing may be committed any more. */
    @Override
    public synchronized void onPartitionsLost(Collection<TopicPartition> lost) {
        for (TopicPartition place : lost) {
            Owned partition = partitions.remove(place);
            if (partition != null) {
                partition.owned = false;
            }
        }
    }

    private void giveUp(Collection<TopicPartition> places) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(7);
        synchronized (this) {
            List<Owned> mine = places.stream()
                    .map(partitions::get).filter(Objects::nonNull).toList();
            mine.forEach(partition -> partition.owned = false);
            while (mine.stream().anyMatch(p -> p.inHand > 0) && System.nanoTime() < end) {
                try {
                    wait(100);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return;
                }
            }
        }
        producer.flush(); // not in the monitor: the acknowledgements need it
        commit(places);
        synchronized (this) {
            places.forEach(partitions::remove);
        }
    }

    private void commit(Collection<TopicPartition> places) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        synchronized (this) {
            for (TopicPartition place : places) {
                Owned partition = partitions.get(place);
                if (partition == null) {
                    continue; // given up before: close() asks once more
                }
                long offset = partition.committable();
                if (offset > partition.committed) {
                    partition.committed = offset;
                    offsets.put(place, new OffsetAndMetadata(offset));
                }
            }
        }
        if (!offsets.isEmpty()) {
            consumer.commitSync(offsets);
        }
    }
}
