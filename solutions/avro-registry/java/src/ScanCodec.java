import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;

/** Events in the registry's wire format: a zero, the schema's id in four bytes, the datum. */
final class ScanCodec {
    static final String SCHEMA_TEXT = text();
    static final Schema SCHEMA = new Schema.Parser().parse(SCHEMA_TEXT);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int FRAME = 5;

    private final Registry registry;
    private final Map<Long, Schema> writers = new HashMap<>();
    private int schemaId;

    ScanCodec(Registry registry) {
        this.registry = registry;
    }

    private static String text() {
        try (InputStream file = ScanCodec.class.getResourceAsStream("/parcel_scan.avsc")) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    void writeWith(int id) {
        schemaId = id;
    }

    byte[] encode(Scan scan) {
        GenericRecord event = new GenericData.Record(SCHEMA);
        event.put("parcel", scan.parcel());
        event.put("depot", scan.depot());
        event.put("scanned_at", scan.scannedAt());
        event.put("grams", scan.grams());
        event.put("status", new GenericData.EnumSymbol(
                SCHEMA.getField("status").schema(), scan.status()));
        event.put("note", scan.note());
        event.put("handler", scan.handler());
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try {
            // A ByteBuffer is big-endian unless it is told otherwise.
            bytes.write(ByteBuffer.allocate(FRAME).put((byte) 0).putInt(schemaId).array());
            BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
            new GenericDatumWriter<GenericRecord>(SCHEMA).write(event, encoder);
            encoder.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e); // memory does not fail
        }
        return bytes.toByteArray();
    }

    /** An event's JSON as our own schema has it, whoever wrote it. Throws Invalid. */
    byte[] json(byte[] value) throws InterruptedException {
        if (value.length < FRAME) {
            throw new Invalid(value.length + " bytes are too few for magic byte and schema id");
        }
        ByteBuffer frame = ByteBuffer.wrap(value);
        byte magic = frame.get();
        if (magic != 0) {
            throw new Invalid("the magic byte is " + magic + ", not 0");
        }
        long id = Integer.toUnsignedLong(frame.getInt());
        Schema writer = writer(id);
        try {
            // Two schemas: one to take the bytes apart, one for what we want to have of them.
            GenericRecord event = new GenericDatumReader<GenericRecord>(writer, SCHEMA).read(
                    null, DecoderFactory.get().binaryDecoder(value, FRAME, value.length - FRAME, null));
            Object note = event.get("note");
            ObjectNode fields = JSON.createObjectNode()
                    .put("parcel", event.get("parcel").toString())
                    .put("depot", event.get("depot").toString())
                    .put("scanned_at", (Long) event.get("scanned_at"))
                    .put("grams", (Long) event.get("grams"))
                    .put("status", event.get("status").toString())
                    .put("note", note == null ? null : note.toString())
                    .put("handler", event.get("handler").toString());
            return JSON.writeValueAsBytes(fields);
        } catch (IOException | RuntimeException e) { // bytes from anywhere: nearly anything
            throw new Invalid("schema " + id, e);
        }
    }

    private Schema writer(long id) throws InterruptedException {
        Schema found = writers.get(id);
        if (found != null) {
            return found;
        }
        try {
            JsonNode said = registry.schema(id);
            String type = said.path("schemaType").asText("AVRO");
            if (!type.equals("AVRO")) {
                throw new Invalid("schema " + id + " is " + type + ", not Avro");
            }
            found = new Schema.Parser().parse(said.path("schema").asText());
        } catch (Registry.Refused e) {
            throw new Invalid(e.getMessage());
        } catch (org.apache.avro.AvroRuntimeException e) {
            throw new Invalid("schema " + id + " is not Avro", e);
        }
        writers.put(id, found);
        return found;
    }
}
