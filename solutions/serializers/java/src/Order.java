import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** An order. The amount is in cents: money is never a double. A note may be absent (null). */
record Order(String orderId, String customer, String status, long amount, String currency,
        long occurredAt, String note) {
    static final List<String> STATUSES = List.of("PLACED", "PAID", "CANCELLED", "REFUNDED");
    private static final long LATEST = 253_402_300_799_999L;

    /** The rules of the brief, the same whatever the order was read from. Throws Invalid. */
    Order {
        if (orderId == null || orderId.isEmpty() || customer == null || customer.isEmpty()) {
            throw new Invalid("order_id or customer is no text or an empty one");
        }
        if (status == null || !STATUSES.contains(status)) {
            throw new Invalid("status is none of the four");
        }
        if (currency == null || !currency.matches("[A-Z]{3}")) {
            throw new Invalid("currency is not three letters A to Z");
        }
        if (occurredAt < 0 || occurredAt > LATEST) {
            throw new Invalid("occurred_at is out of range");
        }
    }

    /** Text from bytes that must be valid UTF-8: new String() would put in replacement marks. */
    static String text(ByteBuffer bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw new Invalid("a text is not UTF-8", e);
        }
    }

    byte[] canonicalJson() {
        StringBuilder json = new StringBuilder("{\"order_id\":");
        quote(json, orderId);
        quote(json.append(",\"customer\":"), customer);
        quote(json.append(",\"status\":"), status);
        quote(json.append(",\"amount\":"), BigDecimal.valueOf(amount, 2).toPlainString());
        quote(json.append(",\"currency\":"), currency);
        json.append(",\"occurred_at\":").append(occurredAt);
        if (note != null) {
            quote(json.append(",\"note\":"), note);
        }
        return json.append('}').toString().getBytes(StandardCharsets.UTF_8);
    }

    /** A text as in RFC 8785, 3.2.2.2. JSON libraries escape more, and each something else. */
    private static void quote(StringBuilder json, String text) {
        json.append('"');
        for (char c : text.toCharArray()) {
            switch (c) {
                case '"' -> json.append("\\\"");
                case '\\' -> json.append("\\\\");
                case '\b' -> json.append("\\b");
                case '\t' -> json.append("\\t");
                case '\n' -> json.append("\\n");
                case '\f' -> json.append("\\f");
                case '\r' -> json.append("\\r");
                default -> {
                    if (c < ' ') {
                        json.append(String.format("\\u%04x", (int) c));
                    } else {
                        json.append(c);
                    }
                }
            }
        }
        json.append('"');
    }
}
