import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.kafka.common.utils.Utils;

/** Which partition a record goes to. */
interface Strategy {
    /** For a record with this key (null: none), when the topic has so many partitions. */
    int partition(byte[] key, int count);
}

final class Strategies {
    static Strategy named(Settings settings) {
        if (settings.strategy == null) {
            throw new IllegalStateException("the environment variable STRATEGY is not set");
        }
        return switch (settings.strategy) {
            case "hash" -> Strategies::hash;
            case "tenant" -> tenant(settings.reservedTenants.split(","));
            case "round-robin" -> roundRobin();
            case "sticky" -> sticky(settings.lingerMs);
            default -> throw new IllegalStateException("STRATEGY is " + settings.strategy
                    + "; known: hash, tenant, round-robin, sticky");
        };
    }

    /** As the Java client does by default for keys; records without a key anywhere. */
    static int hash(byte[] key, int count) {
        if (key == null) { // an empty key is a key
            return ThreadLocalRandom.current().nextInt(count);
        }
        // toPositive clears the sign bit, which is not the same as the absolute value.
        return Utils.toPositive(Utils.murmur2(key)) % count;
    }

    /** The tenants named at start have partitions 0, 1, … alone; all others share the rest. */
    private static Strategy tenant(String[] names) {
        Map<String, Integer> reserved = new HashMap<>();
        for (int i = 0; i < names.length; i++) {
            reserved.put(bytes(names[i].getBytes(StandardCharsets.UTF_8)), i);
        }
        return (key, count) -> {
            Integer own = key == null ? null : reserved.get(tenantOf(key));
            return own != null ? own : names.length + hash(key, count - names.length);
        };
    }

    private static String tenantOf(byte[] key) {
        String all = bytes(key);
        int colon = all.indexOf(':');
        return colon < 0 ? all : all.substring(0, colon);
    }

    /** One char for each byte: a key need not be UTF-8, and two that differ must stay different. */
    private static String bytes(byte[] text) {
        return new String(text, StandardCharsets.ISO_8859_1);
    }

    /** One after another, whatever the key. */
    private static Strategy roundRobin() {
        return new Strategy() {
            private int turn = 0;

            @Override
            public int partition(byte[] key, int count) {
                return Utils.toPositive(turn++) % count;
            }
        };
    }

    /** The same partition for all that will be in one batch; the next batch goes elsewhere. */
    private static Strategy sticky(long lingerMs) {
        return new Strategy() {
            private int current = -1;
            private long until = System.nanoTime();

            @Override
            public int partition(byte[] key, int count) {
                long now = System.nanoTime();
                if (now - until >= 0) { // the client has sent that batch by now
                    current = (current + 1) % count;
                    until = now + lingerMs * 1_000_000;
                }
                return current;
            }
        };
    }

    private Strategies() {}
}
