import com.fasterxml.jackson.core.SerializableString;
import com.fasterxml.jackson.core.io.CharacterEscapes;
import com.fasterxml.jackson.core.io.SerializedString;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A right solution, built differently: no generated classes and no Avro library; one record at a
 * time, each acknowledged and committed before the next; the group protocol of KIP-848.
 */
public final class OrderService {
    private static final Map<String, String> TYPES = Map.of(
            "protobuf", "application/x-protobuf",
            "avro", "avro/binary",
            "binary", "application/vnd.kafka-lab.order");
    private static final ObjectMapper JSON = JsonMapper.builder().build();

    static {
        JSON.getFactory().setCharacterEscapes(new Escapes());
    }

    /** As Jackson's own, but with small hexadecimal digits (RFC 8785). */
    private static final class Escapes extends CharacterEscapes {
        private final int[] ascii = standardAsciiEscapesForJSON();

        Escapes() {
            for (int c = 0; c < ' '; c++) {
                if ("\b\t\n\f\r".indexOf(c) < 0) {
                    ascii[c] = ESCAPE_CUSTOM;
                }
            }
        }

        @Override
        public int[] getEscapeCodesForAscii() {
            return ascii;
        }

        @Override
        public SerializableString getEscapeSequence(int c) {
            // Asked for all letters beyond ASCII too: null means as it is.
            return c < ' ' ? new SerializedString(String.format("\\u%04x", c)) : null;
        }
    }

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final KafkaProducer<byte[], byte[]> producer;

    private OrderService() {
        Map<String, Object> config = Connection.properties();
        config.put("group.id", System.getenv("GROUP_ID"));
        config.put("group.protocol", "consumer");
        config.put("enable.auto.commit", "false");
        config.put("auto.offset.reset", "earliest");
        consumer = new KafkaConsumer<>(
                config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        config = Connection.properties();
        config.put("linger.ms", "0");
        producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    public static void main(String[] args) {
        OrderService service = new OrderService();
        CountDownLatch over = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            service.consumer.wakeup();
            try {
                Runtime.getRuntime().halt(over.await(9, TimeUnit.SECONDS) ? 0 : 3);
            } catch (InterruptedException e) {
                Runtime.getRuntime().halt(3);
            }
        }));
        try {
            service.consumer.subscribe(List.of(System.getenv("COMMANDS_TOPIC"),
                    System.getenv("PARTNER_TOPIC"), System.getenv("EVENTS_TOPIC")));
            while (true) {
                for (var record : service.consumer.poll(Duration.ofMillis(500))) {
                    service.handle(record);
                }
            }
        } catch (WakeupException stopped) {
            service.consumer.close(CloseOptions.timeout(Duration.ofSeconds(2)));
            service.producer.close(Duration.ofSeconds(2));
            over.countDown();
        } catch (Throwable e) {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private void handle(ConsumerRecord<byte[], byte[]> record) throws Exception {
        ProducerRecord<byte[], byte[]> made;
        try {
            made = record.topic().equals(System.getenv("COMMANDS_TOPIC"))
                    ? event(record) : document(record);
        } catch (Exception poison) {
            List<Header> headers = new ArrayList<>(List.of(record.headers().toArray()));
            headers.add(header("reason", poison.toString()));
            made = new ProducerRecord<>(System.getenv("DEAD_TOPIC"), null, record.key(),
                    record.value(), headers);
        }
        producer.send(made).get();
        Map<TopicPartition, OffsetAndMetadata> next = Map.of(
                new TopicPartition(record.topic(), record.partition()),
                new OffsetAndMetadata(record.offset() + 1));
        try {
            consumer.commitSync(next);
        } catch (WakeupException stopping) {
            consumer.commitSync(next); // a wakeup interrupts one call only
            throw stopping;
        }
    }

    private ProducerRecord<byte[], byte[]> event(ConsumerRecord<byte[], byte[]> record)
            throws Exception {
        String text = StandardCharsets.UTF_8.newDecoder().decode(
                ByteBuffer.wrap(record.value())).toString();
        JsonNode command = JSON.readTree(text);
        Map<String, Object> order = new LinkedHashMap<>();
        for (String name : List.of("order_id", "customer", "status", "amount", "currency")) {
            if (!command.path(name).isTextual()) {
                throw new IllegalArgumentException(name + " is no text");
            }
            order.put(name, command.get(name).textValue());
        }
        String amount = (String) order.get("amount");
        if (!amount.matches("-?(?:[1-9]\\d*|0)\\.\\d\\d") || !amount.matches("\\p{ASCII}*")) {
            throw new IllegalArgumentException("amount is " + amount);
        }
        order.put("amount", new BigDecimal(amount).unscaledValue().longValueExact());
        JsonNode time = command.path("occurred_at");
        if (!time.isInt() && !time.isLong()) {
            throw new IllegalArgumentException("occurred_at is no whole number");
        }
        order.put("occurred_at", time.longValue());
        JsonNode note = command.path("note");
        if (note.isTextual() || note.isNull() || note.isMissingNode()) {
            order.put("note", note.textValue());
        } else {
            throw new IllegalArgumentException("note is no text");
        }
        check(order);
        String encoding = command.path("encoding").asText();
        if (!TYPES.containsKey(encoding)) {
            throw new IllegalArgumentException("encoding is " + encoding);
        }
        byte[] trace = null;
        for (Header header : record.headers().headers("trace-id")) {
            trace = header.value();
        }
        if (trace == null || trace.length == 0) {
            trace = ("t" + System.nanoTime()).getBytes(StandardCharsets.UTF_8);
        }
        return new ProducerRecord<>(System.getenv("EVENTS_TOPIC"), null,
                order.get("order_id").toString().getBytes(StandardCharsets.UTF_8),
                Writing.write(encoding, order),
                List.of(header("produced-at", "" + System.currentTimeMillis()),
                        new RecordHeader("trace-id", trace),
                        header("schema-version", "1"),
                        header("content-type", TYPES.get(encoding))));
    }

    private ProducerRecord<byte[], byte[]> document(ConsumerRecord<byte[], byte[]> record)
            throws Exception {
        String topic = System.getenv("JSON_TOPIC");
        if (record.value() == null) {
            return new ProducerRecord<>(topic, null, record.key(), null, record.headers());
        }
        List<Header> kept = new ArrayList<>();
        byte[] said = null;
        for (Header header : record.headers()) {
            if (header.key().equals("content-type")) {
                said = header.value();
            } else {
                kept.add(header);
            }
        }
        String type = new String(said, StandardCharsets.ISO_8859_1).split(";", 2)[0];
        type = type.replaceAll("^[ \\t]*(.*?)[ \\t]*$", "$1").toLowerCase(Locale.ROOT);
        Map<String, Object> order = Bytes.read(type, record.value());
        check(order);
        order.replace("amount", BigDecimal.valueOf((Long) order.get("amount"), 2).toPlainString());
        if (order.get("note") == null) {
            order.remove("note");
        }
        kept.add(0, header("content-type", "application/json"));
        return new ProducerRecord<>(topic, null, record.key(),
                // To a text first: written as bytes, Jackson escapes what is beyond 16 bits.
                JSON.writeValueAsString(order).getBytes(StandardCharsets.UTF_8), kept);
    }

    private static void check(Map<String, Object> order) {
        long time = (Long) order.get("occurred_at");
        if (order.get("order_id").equals("") || order.get("customer").equals("")
                || !Writing.STATUSES.contains(order.get("status"))
                || !order.get("currency").toString().matches("[A-Z]{3}")
                || time < 0 || time > 253402300799999L) {
            throw new IllegalArgumentException("a rule is broken");
        }
    }

    private static Header header(String name, String value) {
        return new RecordHeader(name, value.getBytes(StandardCharsets.UTF_8));
    }
}
