import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.util.Utf8;

/** The bare datum of order_event.avsc, which lies on the class path. */
final class AvroFormat extends OrderFormat {
    private static final Schema SCHEMA = schema();

    AvroFormat() {
        super("avro/binary");
    }

    private static Schema schema() {
        try (InputStream file = AvroFormat.class.getResourceAsStream("/order_event.avsc")) {
            return new Schema.Parser().parse(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public byte[] serialize(String topic, Order order) {
        GenericRecord event = new GenericData.Record(SCHEMA);
        event.put("order_id", order.orderId());
        event.put("customer", order.customer());
        event.put("status", new GenericData.EnumSymbol(
                SCHEMA.getField("status").schema(), order.status()));
        event.put("amount_cents", order.amount());
        event.put("currency", order.currency());
        event.put("occurred_at", order.occurredAt());
        event.put("note", order.note());
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(bytes, null);
        try {
            new GenericDatumWriter<GenericRecord>(SCHEMA).write(event, encoder);
            encoder.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e); // memory does not fail
        }
        return bytes.toByteArray();
    }

    @Override
    public Order deserialize(String topic, byte[] value) {
        GenericRecord event;
        try {
            BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(value, null);
            event = new GenericDatumReader<GenericRecord>(SCHEMA).read(null, decoder);
            if (!decoder.isEnd()) {
                throw new Invalid("bytes after the end of the Avro datum");
            }
        } catch (Invalid e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            throw new Invalid("not Avro", e);
        }
        return new Order(text(event.get("order_id")), text(event.get("customer")),
                event.get("status").toString(), (Long) event.get("amount_cents"),
                text(event.get("currency")), (Long) event.get("occurred_at"),
                text(event.get("note")));
    }

    /** Avro's own toString() lets through what is no UTF-8. */
    private static String text(Object field) {
        if (field == null) {
            return null;
        }
        Utf8 utf8 = (Utf8) field;
        return Order.text(ByteBuffer.wrap(utf8.getBytes(), 0, utf8.getByteLength()));
    }
}
