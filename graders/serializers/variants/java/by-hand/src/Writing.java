import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** The three encodings, written field by field. */
final class Writing {
    static final List<String> STATUSES = List.of("PLACED", "PAID", "CANCELLED", "REFUNDED");

    static byte[] write(String encoding, Map<String, Object> order) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        String note = (String) order.get("note");
        int status = STATUSES.indexOf(order.get("status"));
        long amount = (Long) order.get("amount");
        long time = (Long) order.get("occurred_at");
        if (encoding.equals("binary")) {
            DataOutputStream out = new DataOutputStream(bytes);
            out.writeBytes("OE");
            out.write(1);
            out.write(note == null ? 0 : 1);
            out.write(status + 1);
            out.writeBytes((String) order.get("currency"));
            out.writeLong(amount);
            out.writeLong(time);
            for (String name : List.of("order_id", "customer", "note")) {
                if (order.get(name) != null) {
                    byte[] text = utf8(order.get(name));
                    out.writeShort(text.length);
                    out.write(text);
                }
            }
            return bytes.toByteArray();
        }
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        if (encoding.equals("protobuf")) {
            out.writeString(1, (String) order.get("order_id"));
            out.writeString(2, (String) order.get("customer"));
            out.writeEnum(3, status + 1);
            out.writeSInt64(4, amount);
            out.writeString(5, (String) order.get("currency"));
            out.writeInt64(6, time);
            if (note != null) {
                out.writeString(7, note);
            }
        } else { // Avro's longs are Protobuf's zigzag numbers
            text(out, order.get("order_id"));
            text(out, order.get("customer"));
            out.writeSInt64NoTag(status);
            out.writeSInt64NoTag(amount);
            text(out, order.get("currency"));
            out.writeSInt64NoTag(time);
            out.writeSInt64NoTag(note == null ? 0 : 1);
            if (note != null) {
                text(out, note);
            }
        }
        out.flush();
        return bytes.toByteArray();
    }

    private static void text(CodedOutputStream out, Object text) throws IOException {
        byte[] bytes = utf8(text);
        out.writeSInt64NoTag(bytes.length);
        out.writeRawBytes(bytes);
    }

    private static byte[] utf8(Object text) {
        return ((String) text).getBytes(StandardCharsets.UTF_8);
    }

    private Writing() {}
}
