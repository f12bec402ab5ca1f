import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.utils.Utils;

/** Which of {@code count} partitions a record with this key goes to. */
interface Strategy {
    int partition(byte[] key, int count);

    static Strategy named(String name, Settings settings) {
        return switch (name) {
            case "hash" -> Strategy::hash;
            case "tenant" -> new Tenant(settings.reservedTenants.split(","));
            case "round-robin" -> new RoundRobin();
            case "sticky" -> new Sticky(settings.lingerMs);
            default -> throw new IllegalStateException("there is no strategy " + name);
        };
    }

    /** As the client's default does with a key. Without one, any partition; an empty key is a key. */
    static int hash(byte[] key, int count) {
        if (key == null) {
            return ThreadLocalRandom.current().nextInt(count);
        }
        return Utils.toPositive(Utils.murmur2(key)) % count;
    }

    /** The tenants named at start have partitions 0, 1, … alone; all others share the rest. */
    final class Tenant implements Strategy {
        private final Map<ByteBuffer, Integer> reserved = new HashMap<>();

        Tenant(String[] names) {
            for (String name : names) {
                reserved.put(ByteBuffer.wrap(name.getBytes(StandardCharsets.UTF_8)), reserved.size());
            }
        }

        @Override
        public int partition(byte[] key, int count) {
            Integer own = key == null ? null : reserved.get(tenant(key));
            if (own != null) {
                return own;
            }
            int first = reserved.size();
            return first + hash(key, count - first);
        }

        private static ByteBuffer tenant(byte[] key) {
            int end = 0;
            while (end < key.length && key[end] != ':') {
                end++;
            }
            return ByteBuffer.wrap(Arrays.copyOf(key, end));
        }
    }

    /** One after another, whatever the key. The client's RoundRobinPartitioner turns by batches. */
    final class RoundRobin implements Strategy {
        private int turn = -1;

        @Override
        public int partition(byte[] key, int count) {
            turn = (turn + 1) % count;
            return turn;
        }
    }

    /** The same partition for all that will be in one batch; the next batch goes elsewhere. */
    final class Sticky implements Strategy {
        private final long lingerNanos;
        private int current = -1;
        private long since;

        Sticky(int lingerMs) {
            lingerNanos = TimeUnit.MILLISECONDS.toNanos(lingerMs);
        }

        @Override
        public int partition(byte[] key, int count) {
            long now = System.nanoTime();
            if (current < 0 || now - since >= lingerNanos) { // the client has sent that batch by now
                current = (current + 1) % count;
                since = now;
            }
            return current;
        }
    }
}
