import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import sun.misc.Signal;

/**
 * Right in other ways than the solution: one transaction for each transfer; the debit is sent
 * before the receiving account is even looked at, so that invalid transfers do abort; any error
 * but a timeout of a commit ends the process and leaves the rest to the next start; a static member
 * of its group; signals by sun.misc.Signal; the connection from the single variables.
 */
public final class TransferService {
    private static volatile boolean stopping;

    public static void main(String[] args) {
        Signal.handle(new Signal("TERM"), signal -> stopping = true); // so no 143, and no hook
        int code = 0;
        try {
            work();
        } catch (Throwable e) {
            System.err.println("leaving: " + e);
            code = 1;
        }
        // Not exit(): a client that hangs in its close must not keep the process.
        Runtime.getRuntime().halt(code);
    }

    private static void work() {
        String id = System.getenv("TRANSACTIONAL_ID") + "-0";
        Map<String, Object> reading = Connection.properties();
        reading.put("group.id", System.getenv("GROUP_ID"));
        // A static member takes its predecessor's place at once. Its name is its own, not a
        // resource that needs a permission.
        reading.put("group.instance.id", id);
        reading.put("isolation.level", "read_committed");
        reading.put("auto.offset.reset", "earliest");
        reading.put("enable.auto.commit", "false");
        reading.put("max.poll.records", "20");
        Map<String, Object> writing = Connection.properties();
        writing.put("transactional.id", id);
        writing.put("max.block.ms", "7000");
        writing.put("linger.ms", "0");
        // A transaction right after another one meets CONCURRENT_TRANSACTIONS until the markers of
        // the first are written; with the default of 100 ms that wait would be most of the work.
        writing.put("retry.backoff.ms", "5");
        try (var producer = new KafkaProducer<>(
                     writing, new ByteArraySerializer(), new ByteArraySerializer());
             var consumer = new KafkaConsumer<>(
                     reading, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            producer.initTransactions();
            consumer.subscribe(List.of(System.getenv("TRANSFERS_TOPIC")));
            while (!stopping) {
                for (var record : consumer.poll(Duration.ofMillis(200))) {
                    if (stopping) {
                        break; // the rest of the batch is not committed: the next start reads it
                    }
                    one(consumer, producer, record);
                }
            }
        }
    }

    private static void one(KafkaConsumer<byte[], byte[]> consumer,
            KafkaProducer<byte[], byte[]> producer, ConsumerRecord<byte[], byte[]> record) {
        producer.beginTransaction();
        try {
            Map<?, ?> transfer = read(record.value());
            String transferId = text(transfer, "id");
            String from = text(transfer, "from");
            long cents = cents(transfer);
            book(producer, "DEBITS_TOPIC", transferId, from, cents);
            String to = text(transfer, "to");
            if (to.equals(from)) {
                throw new IllegalArgumentException("from one account to itself");
            }
            book(producer, "CREDITS_TOPIC", transferId, to, cents);
        } catch (IllegalArgumentException invalid) {
            producer.abortTransaction();
            producer.beginTransaction();
            var reject = new ProducerRecord<>(
                    System.getenv("REJECTS_TOPIC"), record.key(), record.value());
            reject.headers().add("reason", utf8("refused, " + invalid.getMessage()));
            producer.send(reject);
        }
        producer.sendOffsetsToTransaction(
                Map.of(new TopicPartition(record.topic(), record.partition()),
                        new OffsetAndMetadata(record.offset() + 1, record.leaderEpoch(), "")),
                consumer.groupMetadata());
        for (int tries = 1; ; tries++) {
            try {
                producer.commitTransaction();
                return;
            } catch (TimeoutException unknown) {
                if (tries == 4) {
                    throw unknown; // the next start finds out what became of it
                }
            }
        }
    }

    private static void book(KafkaProducer<byte[], byte[]> producer, String topic, String id,
            String account, long cents) {
        String value = "{\"amount\":" + cents + ",\"account\":" + Json.quote(account)
                + ",\"transfer_id\":" + Json.quote(id) + "}";
        producer.send(new ProducerRecord<>(System.getenv(topic), utf8(account), utf8(value)));
    }

    private static Map<?, ?> read(byte[] value) {
        if (value == null) {
            throw new IllegalArgumentException("no value");
        }
        try {
            Object root = Json.parse(
                    StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(value)).toString());
            if (root instanceof Map<?, ?> object) {
                return object;
            }
            throw new IllegalArgumentException("not an object");
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("not UTF-8", e);
        }
    }

    private static String text(Map<?, ?> transfer, String name) {
        if (transfer.get(name) instanceof String text && !text.isEmpty()) {
            return text;
        }
        throw new IllegalArgumentException(name + " is not a text");
    }

    private static long cents(Map<?, ?> transfer) {
        if (transfer.get("amount") instanceof BigDecimal amount && amount.scale() == 0
                && amount.signum() > 0 && amount.compareTo(BigDecimal.valueOf(1_000_000_000)) <= 0) {
            return amount.longValueExact();
        }
        throw new IllegalArgumentException("amount is not from 1 to 1000000000");
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
