import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Handles the records of many keys side by side, and those of one key one after another.
 *
 * <p>Each key has a line. The record at its head stays there while it is in hand, so that no other
 * worker takes the same key.
 */
final class Lines {
    private static final int WORKERS = 16;

    /** What is done with a record, on a worker's thread. It must not throw. */
    interface Handler {
        void handle(OwnedPartition partition, ConsumerRecord<byte[], byte[]> record);
    }

    private record Job(OwnedPartition partition, ConsumerRecord<byte[], byte[]> record) {}

    private final Handler handler;
    private final ExecutorService workers = Executors.newFixedThreadPool(WORKERS, job -> {
        Thread thread = new Thread(job);
        thread.setDaemon(true);
        return thread;
    });
    private final Map<ByteBuffer, ArrayDeque<Job>> lines = new HashMap<>();
    private final Map<OwnedPartition, Integer> inHand = new HashMap<>();
    private int backlog;

    Lines(Handler handler) {
        this.handler = handler;
    }

    synchronized void add(OwnedPartition partition, ConsumerRecord<byte[], byte[]> record) {
        ByteBuffer key = ByteBuffer.wrap(record.key()); // a byte[] itself is no key of a map
        ArrayDeque<Job> line = lines.computeIfAbsent(key, k -> new ArrayDeque<>());
        line.add(new Job(partition, record));
        backlog++;
        if (line.size() == 1) {
            workers.execute(() -> next(key));
        }
    }

    /** Records that wait or are in hand. */
    synchronized int backlog() {
        return backlog;
    }

    private void next(ByteBuffer key) {
        Job job;
        boolean wanted;
        synchronized (this) {
            job = lines.get(key).element();
            wanted = job.partition.mine;
            if (wanted) {
                inHand.merge(job.partition, 1, Integer::sum);
            }
        }
        if (wanted) {
            handler.handle(job.partition, job.record);
        }
        synchronized (this) {
            if (wanted) {
                inHand.computeIfPresent(job.partition, (p, n) -> n == 1 ? null : n - 1);
            }
            backlog--;
            ArrayDeque<Job> line = lines.get(key);
            line.remove();
            if (line.isEmpty()) {
                lines.remove(key);
            } else {
                workers.execute(() -> next(key));
            }
            notifyAll();
        }
    }

    /** Begins nothing new of these partitions, and waits for what is in hand. */
    synchronized void giveUp(Collection<OwnedPartition> partitions, long millis)
            throws InterruptedException {
        partitions.forEach(partition -> partition.mine = false);
        long end = System.nanoTime() + millis * 1_000_000;
        while (partitions.stream().anyMatch(inHand::containsKey)) {
            long left = (end - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                return;
            }
            wait(left);
        }
    }
}
