import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The scan service. It writes Avro that nobody else can read, and reads only its own.
 *
 * <p>TODO: make it do what the brief in README.md says; `kafka-lab check` says how far you are.
 */
public final class ScanService {
    private static final Duration STOP = Duration.ofSeconds(9);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Settings settings;
    private final Schema schema;
    private final Consumer<byte[], byte[]> consumer;
    private final Producer<byte[], byte[]> producer;
    private volatile boolean stopping;

    private ScanService(Settings settings) throws Exception {
        this.settings = settings;
        try (InputStream file = ScanService.class.getResourceAsStream("/parcel_scan.avsc")) {
            this.schema = new Schema.Parser().parse(file);
        }
        Properties reading = settings.connection();
        reading.put(ConsumerConfig.GROUP_ID_CONFIG, settings.groupId);
        reading.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        // TODO: by default offsets are committed by a timer, whatever became of the records.
        this.consumer = new KafkaConsumer<>(
                reading, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        this.producer = new KafkaProducer<>(
                settings.connection(), new ByteArraySerializer(), new ByteArraySerializer());
    }

    public static void main(String[] args) throws Exception {
        ScanService service = new ScanService(new Settings());
        CompletableFuture<Integer> exitCode = new CompletableFuture<>();
        // A JVM that gets SIGTERM runs its shutdown hooks and then ends with 143, whatever the
        // main thread would like to return. So the hook waits for the main thread to drain, and
        // ends the process itself: halt() is the only call that sets another code from there.
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            service.stopping = true;
            int code;
            try {
                code = exitCode.get(STOP.toMillis(), TimeUnit.MILLISECONDS);
            } catch (Exception e) {
                code = 1; // not drained in time
            }
            Runtime.getRuntime().halt(code);
        }));
        exitCode.complete(service.run());
        System.exit(exitCode.join()); // runs the hook, also when nobody sent a signal
    }

    private int run() {
        try {
            consumer.subscribe(List.of(settings.scansTopic, settings.eventsTopic));
            while (!stopping) {
                for (ConsumerRecord<byte[], byte[]> record
                        : consumer.poll(Duration.ofMillis(200))) {
                    producer.send(outcome(record));
                }
                producer.flush(); // TODO: and if a write has failed?
            }
        } catch (Exception e) {
            System.err.println("leaving: " + e);
            return 1;
        } finally {
            consumer.close(CloseOptions.timeout(Duration.ofSeconds(2)));
            producer.close(Duration.ofSeconds(2));
        }
        return 0;
    }

    private ProducerRecord<byte[], byte[]> outcome(ConsumerRecord<byte[], byte[]> record)
            throws Exception {
        if (record.topic().equals(settings.scansTopic)) {
            // TODO: a scan that is no scan goes to settings.deadTopic.
            JsonNode scan = JSON.readTree(record.value());
            return new ProducerRecord<>(settings.eventsTopic,
                    scan.path("parcel").asText().getBytes(StandardCharsets.UTF_8), encode(scan));
        }
        // TODO: tombstones; what cannot be decoded goes to settings.deadTopic.
        return new ProducerRecord<>(settings.jsonTopic, record.key(), decode(record.value()));
    }

    private byte[] encode(JsonNode scan) throws Exception {
        GenericRecord event = new GenericData.Record(schema);
        event.put("parcel", scan.path("parcel").asText());
        event.put("depot", scan.path("depot").asText());
        event.put("scanned_at", scan.path("scanned_at").asLong());
        event.put("grams", scan.path("grams").asLong());
        event.put("status", new GenericData.EnumSymbol(
                schema.getField("status").schema(), scan.path("status").asText()));
        event.put("note", scan.path("note").textValue());
        event.put("handler", scan.path("handler").asText("unknown"));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        // TODO: a reader has to know which schema this was written with: magic byte and id, from
        // the registry at settings.registryUrl. Ask it once, not for each record.
        BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
        new GenericDatumWriter<GenericRecord>(schema).write(event, encoder);
        encoder.flush();
        return bytes.toByteArray();
    }

    private byte[] decode(byte[] value) throws Exception {
        // TODO: others write with other schemas. Which, the first five bytes say.
        GenericRecord event = new GenericDatumReader<GenericRecord>(schema).read(
                null, DecoderFactory.get().binaryDecoder(value, null));
        return JSON.writeValueAsBytes(JSON.createObjectNode()
                .put("parcel", event.get("parcel").toString())
                .put("depot", event.get("depot").toString()));
    }
}
