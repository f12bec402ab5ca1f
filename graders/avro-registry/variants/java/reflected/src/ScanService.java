import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import logistics.ParcelScan;
import logistics.Status;
import org.apache.avro.Schema;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.reflect.ReflectDatumReader;
import org.apache.avro.reflect.ReflectDatumWriter;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * A right scan service built differently: plain classes by reflection, HttpURLConnection, record
 * by record, the id asked for when the first scan comes, and whatever goes wrong ends it.
 */
public final class ScanService {
    static final ObjectMapper JSON = new ObjectMapper();
    static final Map<String, String> ENV = System.getenv();
    static final Map<Integer, Optional<Schema>> WRITERS = new HashMap<>();
    static Schema own;
    static String ownText;
    static Integer ownId;
    static volatile boolean stopping;

    static final class Dead extends Exception {
        Dead(String why) {
            super(why);
        }
    }

    /** Null for a 4xx. Throws IOException for everything that is no answer. */
    static JsonNode ask(String path, String schema) throws IOException {
        var connection = (HttpURLConnection) URI.create(ENV.get("SCHEMA_REGISTRY_URL") + path)
                .toURL().openConnection();
        connection.setConnectTimeout(4000);
        connection.setReadTimeout(4000);
        if (schema != null) {
            connection.setDoOutput(true);
            connection.setChunkedStreamingMode(0);
            connection.setRequestProperty("Content-Type", "application/json");
            JSON.writeValue(connection.getOutputStream(), Map.of("schema", schema));
        }
        int code = connection.getResponseCode();
        if (code >= 500) {
            throw new IOException("the registry says " + code);
        }
        if (code >= 400) {
            return null;
        }
        try (InputStream body = connection.getInputStream()) {
            return JSON.readTree(body);
        }
    }

    static int id() throws IOException {
        if (ownId == null) {
            boolean may = !"false".equals(ENV.get("REGISTER_SCHEMAS"));
            String subject = ENV.get("EVENTS_TOPIC") + "-" + own.getFullName();
            JsonNode said = ask("/subjects/" + subject + (may ? "/versions" : ""), ownText);
            if (said == null) {
                throw new IOException("there is no schema of ours");
            }
            ownId = said.get("id").asInt();
        }
        return ownId;
    }

    static Schema writer(int id) throws IOException, Dead {
        Optional<Schema> found = WRITERS.get(id);
        if (found == null) {
            JsonNode said = ask("/schemas/ids/" + Integer.toUnsignedString(id), null);
            try {
                found = said == null ? Optional.empty()
                        : Optional.of(new Schema.Parser().parse(said.get("schema").asText()));
            } catch (RuntimeException e) {
                found = Optional.empty();
            }
            WRITERS.put(id, found);
        }
        return found.orElseThrow(() -> new Dead("no Avro schema " + id));
    }

    static byte[] encode(ParcelScan scan) throws IOException {
        var bytes = new ByteArrayOutputStream();
        var out = new DataOutputStream(bytes); // big-endian, as its documentation says
        out.writeByte(0);
        out.writeInt(id());
        BinaryEncoder encoder = EncoderFactory.get().directBinaryEncoder(out, null);
        new ReflectDatumWriter<ParcelScan>(own).write(scan, encoder);
        encoder.flush();
        return bytes.toByteArray();
    }

    static byte[] json(byte[] value) throws IOException, Dead {
        if (value.length < 5 || value[0] != 0) {
            throw new Dead("no frame");
        }
        var in = new DataInputStream(new ByteArrayInputStream(value));
        in.readByte();
        Schema writer = writer(in.readInt());
        ParcelScan scan;
        try {
            scan = new ReflectDatumReader<ParcelScan>(writer, own)
                    .read(null, DecoderFactory.get().directBinaryDecoder(in, null));
        } catch (IOException | RuntimeException e) {
            throw new Dead(e.toString());
        }
        return JSON.writeValueAsBytes(scan);
    }

    static ParcelScan scan(byte[] value) throws Dead {
        try {
            JsonNode given = JSON.readTree(value);
            var scan = new ParcelScan();
            scan.parcel = text(given.get("parcel"));
            scan.depot = text(given.get("depot"));
            scan.handler = given.has("handler") ? text(given.get("handler")) : "unknown";
            scan.scanned_at = whole(given.get("scanned_at"));
            scan.grams = whole(given.get("grams"));
            scan.status = Status.valueOf(given.get("status").textValue());
            JsonNode note = given.path("note");
            if (scan.status == Status.OTHER
                    || !(note.isMissingNode() || note.isNull() || note.isTextual())) {
                throw new Dead("status or note");
            }
            scan.note = note.textValue();
            return scan;
        } catch (IOException | RuntimeException e) {
            throw new Dead("no scan: " + e);
        }
    }

    static String text(JsonNode node) throws Dead {
        if (!node.isTextual() || node.textValue().isEmpty()) {
            throw new Dead("no text");
        }
        return node.textValue();
    }

    static long whole(JsonNode node) throws Dead {
        if (!node.canConvertToLong() || !node.isIntegralNumber() || node.longValue() < 0) {
            throw new Dead("no whole number");
        }
        return node.longValue();
    }

    static ProducerRecord<byte[], byte[]> outcome(ConsumerRecord<byte[], byte[]> record)
            throws IOException {
        byte[] value = record.value();
        try {
            if (record.topic().equals(ENV.get("SCANS_TOPIC"))) {
                if (value == null) {
                    throw new Dead("null");
                }
                ParcelScan scan = scan(value);
                return new ProducerRecord<>(ENV.get("EVENTS_TOPIC"),
                        scan.parcel.getBytes(StandardCharsets.UTF_8), encode(scan));
            }
            return new ProducerRecord<>(ENV.get("JSON_TOPIC"), record.key(),
                    value == null ? null : json(value));
        } catch (Dead e) {
            var dead = new ProducerRecord<>(ENV.get("DEAD_TOPIC"), record.key(), value);
            dead.headers().add("reason", e.getMessage().getBytes(StandardCharsets.UTF_8));
            return dead;
        }
    }

    public static void main(String[] args) throws Exception {
        try (InputStream file = ScanService.class.getResourceAsStream("/parcel_scan.avsc")) {
            ownText = new String(file.readAllBytes(), StandardCharsets.UTF_8);
        }
        own = new Schema.Parser().parse(ownText);
        var base = new Properties();
        try (var reader = Files.newBufferedReader(Path.of(ENV.get("KAFKA_CONFIG")))) {
            base.load(reader);
        }
        var reading = new Properties();
        reading.putAll(base);
        reading.putAll(Map.of("group.id", ENV.get("GROUP_ID"), "auto.offset.reset", "earliest",
                "enable.auto.commit", "false"));
        Thread loop = Thread.currentThread();
        int[] code = {1};
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping = true;
            try {
                loop.join(9000);
            } catch (InterruptedException e) {
                // it ends anyway
            }
            Runtime.getRuntime().halt(code[0]);
        }));
        try (var producer = new KafkaProducer<>(
                        base, new ByteArraySerializer(), new ByteArraySerializer());
                var consumer = new KafkaConsumer<>(
                        reading, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(ENV.get("EVENTS_TOPIC"), ENV.get("SCANS_TOPIC")));
            while (!stopping) {
                for (var record : consumer.poll(Duration.ofMillis(100))) {
                    producer.send(outcome(record)).get();
                    consumer.commitSync(Map.of(
                            new TopicPartition(record.topic(), record.partition()),
                            new OffsetAndMetadata(record.offset() + 1)));
                }
            }
            code[0] = 0;
        }
    }
}
