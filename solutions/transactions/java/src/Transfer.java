import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** One transfer that obeys every rule of the brief; there is no other way to get one than parse(). */
record Transfer(String id, String from, String to, long amount) {
    /** This value is no transfer, and will not be one however often it is tried again. */
    static final class Invalid extends Exception {
        Invalid(String reason) {
            super(reason);
        }
    }

    private static final long MOST_CENTS = 1_000_000_000L;

    // By default Jackson stops reading after the closing brace and never sees what follows it.
    private static final ObjectMapper JSON =
            new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    static Transfer parse(byte[] value) throws Invalid {
        if (value == null || value.length == 0) {
            throw new Invalid("the value is missing or empty");
        }
        JsonNode root;
        try {
            // new String(value, UTF_8) would quietly put U+FFFD where the bytes are not UTF-8.
            CharSequence text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(value));
            root = JSON.readTree(text.toString());
        } catch (CharacterCodingException e) {
            throw new Invalid("the value is not UTF-8");
        } catch (JsonProcessingException e) {
            throw new Invalid("the value is not JSON: " + e.getOriginalMessage());
        }
        if (!root.isObject()) {
            throw new Invalid("the value is not a JSON object");
        }
        Transfer transfer =
                new Transfer(text(root, "id"), text(root, "from"), text(root, "to"), cents(root));
        if (transfer.from.equals(transfer.to)) {
            throw new Invalid("from and to are the same account");
        }
        return transfer;
    }

    byte[] debit() {
        return booking(from);
    }

    byte[] credit() {
        return booking(to);
    }

    private byte[] booking(String account) {
        return JSON.createObjectNode()
                .put("transfer_id", id)
                .put("account", account)
                .put("amount", amount)
                .toString()
                .getBytes(StandardCharsets.UTF_8);
    }

    private static String text(JsonNode root, String name) throws Invalid {
        JsonNode node = root.get(name);
        if (node == null || !node.isTextual() || node.textValue().isEmpty()) {
            throw new Invalid(name + " is not a non-empty string");
        }
        return node.textValue();
    }

    private static long cents(JsonNode root) throws Invalid {
        JsonNode node = root.get("amount");
        // Not node.asLong(): it makes 1 of true, 12 of 12.5 and 0 of "12,50".
        if (node == null || !node.isIntegralNumber() || !node.canConvertToLong()
                || node.longValue() < 1 || node.longValue() > MOST_CENTS) {
            throw new Invalid("amount is not a whole number of cents from 1 to " + MOST_CENTS);
        }
        return node.longValue();
    }
}
