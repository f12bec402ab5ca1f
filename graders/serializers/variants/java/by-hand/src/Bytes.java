import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The three encodings, read by hand: every number and every text goes through these few calls. */
final class Bytes {
    private static final List<String> STATUSES = List.of("PLACED", "PAID", "CANCELLED", "REFUNDED");
    private final ByteBuffer in;

    private Bytes(byte[] value) {
        in = ByteBuffer.wrap(value).order(ByteOrder.BIG_ENDIAN);
    }

    /** An order's fields, note null if absent. Throws a RuntimeException for whatever is wrong. */
    static Map<String, Object> read(String type, byte[] value) throws CharacterCodingException {
        Bytes bytes = new Bytes(value);
        Map<String, Object> order = new LinkedHashMap<>();
        for (String name : List.of("order_id", "customer", "status", "amount", "currency")) {
            order.put(name, "");
        }
        order.put("amount", 0L);
        order.put("occurred_at", 0L);
        order.put("note", null);
        switch (type) {
            case "application/x-protobuf" -> bytes.protobuf(order);
            case "avro/binary" -> bytes.avro(order);
            case "application/vnd.kafka-lab.order" -> bytes.compact(order);
            default -> throw new IllegalArgumentException("unknown content-type " + type);
        }
        if (bytes.in.hasRemaining()) {
            throw new IllegalArgumentException("too many bytes");
        }
        return order;
    }

    private void compact(Map<String, Object> order) throws CharacterCodingException {
        int head = in.getInt();
        if (head >>> 8 != 0x4f4501 || (head & 0xfe) != 0) {
            throw new IllegalArgumentException("not the binary format, or a newer one");
        }
        order.put("status", STATUSES.get(in.get() - 1));
        order.put("currency", text(3));
        order.put("amount", in.getLong());
        order.put("occurred_at", in.getLong());
        order.put("order_id", text(in.getShort() & 0xffff));
        order.put("customer", text(in.getShort() & 0xffff));
        if ((head & 1) == 1) {
            order.put("note", text(in.getShort() & 0xffff));
        }
    }

    private void avro(Map<String, Object> order) throws CharacterCodingException {
        order.put("order_id", text(zigzag()));
        order.put("customer", text(zigzag()));
        order.put("status", STATUSES.get(Math.toIntExact(zigzag())));
        order.put("amount", zigzag());
        order.put("currency", text(zigzag()));
        order.put("occurred_at", zigzag());
        long branch = zigzag();
        if (branch != 0 && branch != 1) {
            throw new IllegalArgumentException("the union has two branches");
        }
        order.put("note", branch == 0 ? null : text(zigzag()));
    }

    private void protobuf(Map<String, Object> order) throws CharacterCodingException {
        String[] names = {"", "order_id", "customer", "status", "amount", "currency",
            "occurred_at", "note"};
        int[] types = {-1, 2, 2, 0, 0, 2, 0, 2};
        while (in.hasRemaining()) {
            long tag = varint();
            long field = (tag & 0xffffffffL) >>> 3;
            int type = (int) tag & 7;
            if (field == 0) {
                throw new IllegalArgumentException("field number 0");
            }
            if (field < names.length && type == types[(int) field]) {
                String name = names[(int) field];
                if (type == 2) {
                    order.put(name, text(varint()));
                } else if (name.equals("amount")) {
                    order.put(name, zigzag());
                } else {
                    order.put(name, varint());
                }
            } else {
                skip(type);
            }
        }
        if (order.get("status") instanceof Long number) {
            order.put("status", STATUSES.get((int) (long) number - 1));
        }
    }

    private void skip(int type) {
        switch (type) {
            case 0 -> varint();
            case 1 -> in.getLong();
            case 2 -> in.position(in.position() + Math.toIntExact(varint()));
            case 5 -> in.getInt();
            default -> throw new IllegalArgumentException("wire type " + type);
        }
    }

    private long varint() {
        long number = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            byte part = in.get();
            number |= (long) (part & 0x7f) << shift;
            if (part >= 0) {
                return number;
            }
        }
        throw new IllegalArgumentException("a number of more than ten bytes");
    }

    private long zigzag() {
        long number = varint();
        return number >>> 1 ^ -(number & 1);
    }

    private String text(long size) throws CharacterCodingException {
        if (size < 0 || size > in.remaining()) {
            throw new IllegalArgumentException("a text of " + size + " bytes");
        }
        ByteBuffer part = in.slice(in.position(), (int) size);
        in.position(in.position() + (int) size);
        return StandardCharsets.UTF_8.newDecoder().decode(part).toString();
    }
}
