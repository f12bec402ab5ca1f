import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** The compact format of the brief's table. A ByteBuffer is big-endian unless told otherwise. */
final class BinaryFormat extends OrderFormat {
    private static final short MAGIC = 0x4f45; // OE
    private static final byte VERSION = 1;
    private static final int HEAD = 24;
    private static final int LONGEST = 0xffff;

    BinaryFormat() {
        super("application/vnd.kafka-lab.order");
    }

    @Override
    public byte[] serialize(String topic, Order order) {
        byte[] orderId = utf8(order.orderId());
        byte[] customer = utf8(order.customer());
        byte[] note = order.note() == null ? null : utf8(order.note());
        int size = HEAD + 2 + orderId.length + 2 + customer.length
                + (note == null ? 0 : 2 + note.length);
        ByteBuffer out = ByteBuffer.allocate(size)
                .putShort(MAGIC)
                .put(VERSION)
                .put((byte) (note == null ? 0 : 1))
                .put((byte) (Order.STATUSES.indexOf(order.status()) + 1))
                .put(order.currency().getBytes(StandardCharsets.US_ASCII))
                .putLong(order.amount())
                .putLong(order.occurredAt());
        put(out, orderId);
        put(out, customer);
        if (note != null) {
            put(out, note);
        }
        return out.array();
    }

    private static byte[] utf8(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length > LONGEST) {
            throw new Invalid("a text is too long for the binary format");
        }
        return bytes;
    }

    /** A length counts bytes, not letters. */
    private static void put(ByteBuffer out, byte[] text) {
        out.putShort((short) text.length).put(text);
    }

    @Override
    public Order deserialize(String topic, byte[] value) {
        try {
            ByteBuffer in = ByteBuffer.wrap(value);
            if (in.getShort() != MAGIC || in.get() != VERSION) {
                throw new Invalid("another magic or version");
            }
            int flags = in.get();
            int status = in.get();
            if ((flags & ~1) != 0 || status < 1 || status > Order.STATUSES.size()) {
                throw new Invalid("flags or status are not known");
            }
            String currency = text(in, 3);
            long amount = in.getLong();
            long occurredAt = in.getLong();
            String orderId = text(in, Short.toUnsignedInt(in.getShort()));
            String customer = text(in, Short.toUnsignedInt(in.getShort()));
            String note = flags == 1 ? text(in, Short.toUnsignedInt(in.getShort())) : null;
            if (in.hasRemaining()) {
                throw new Invalid("bytes after the end");
            }
            return new Order(orderId, customer, Order.STATUSES.get(status - 1), amount, currency,
                    occurredAt, note);
        } catch (BufferUnderflowException e) {
            throw new Invalid("it ends too early", e);
        }
    }

    private static String text(ByteBuffer in, int size) {
        byte[] bytes = new byte[size];
        in.get(bytes);
        return Order.text(ByteBuffer.wrap(bytes));
    }
}
