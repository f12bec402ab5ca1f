import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.clients.producer.Partitioner;
import org.apache.kafka.common.Cluster;

/** The producer asks it, with the cluster as the producer knows it. One instance, one caller. */
public final class ByStrategy implements Partitioner {
    private final Random random = new Random();
    private String strategy;
    private byte[][] reserved;
    private long linger;
    private int turn = -1;
    private long since;

    @Override
    public void configure(Map<String, ?> configs) {
        strategy = (String) configs.get("lab.strategy");
        linger = Long.parseLong(configs.get("linger.ms").toString());
        String names = strategy.equals("tenant") ? System.getenv("RESERVED_TENANTS") : "";
        reserved = names.isEmpty() ? new byte[0][] : List.of(names.split(",")).stream()
                .map(name -> name.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
    }

    @Override
    public synchronized int partition(String topic, Object key, byte[] keyBytes, Object value,
            byte[] valueBytes, Cluster cluster) {
        int count = cluster.partitionsForTopic(topic).size();
        if (strategy.equals("round-robin")) {
            turn = (turn + 1) % count;
            return turn;
        }
        if (strategy.equals("sticky")) {
            long now = System.currentTimeMillis();
            if (turn < 0 || now - since >= linger) {
                // Any other one: a random step that is never a whole round.
                turn = (Math.max(turn, 0) + 1 + random.nextInt(count - 1)) % count;
                since = now;
            }
            return turn;
        }
        int own = owner(keyBytes);
        if (own >= 0) {
            return own;
        }
        int others = count - reserved.length;
        int drawn = keyBytes == null ? random.nextInt(others)
                : (murmur2(keyBytes) & Integer.MAX_VALUE) % others;
        return reserved.length + drawn;
    }

    private int owner(byte[] key) {
        if (key == null) {
            return -1;
        }
        int end = 0;
        while (end < key.length && key[end] != ':') {
            end++;
        }
        for (int i = 0; i < reserved.length; i++) {
            if (Arrays.equals(reserved[i], Arrays.copyOf(key, end))) {
                return i;
            }
        }
        return -1;
    }

    /** Austin Appleby's MurmurHash2, with the seed that Kafka gives it. */
    private static int murmur2(byte[] data) {
        final int m = 0x5bd1e995;
        int h = 0x9747b28c ^ data.length;
        int at = 0;
        for (; at + 4 <= data.length; at += 4) {
            int k = (data[at] & 0xff) | (data[at + 1] & 0xff) << 8
                    | (data[at + 2] & 0xff) << 16 | data[at + 3] << 24;
            k *= m;
            k ^= k >>> 24;
            h = h * m ^ k * m;
        }
        if (at < data.length) {
            for (int i = data.length - 1; i >= at; i--) {
                h ^= (data[i] & 0xff) << 8 * (i - at);
            }
            h *= m;
        }
        h ^= h >>> 13;
        h *= m;
        return h ^ h >>> 15;
    }

    @Override
    public void close() {}
}
