import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.regex.Pattern;

/** An order, and the name of the encoding that is asked for. */
record Command(String encoding, Order order) {
    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    private static final Pattern AMOUNT = Pattern.compile("-?(0|[1-9][0-9]*)\\.[0-9]{2}");

    /** Throws Invalid. */
    static Command parse(byte[] value) {
        if (value == null) {
            throw new Invalid("the value is null");
        }
        JsonNode fields;
        try {
            fields = JSON.readTree(Order.text(ByteBuffer.wrap(value)));
        } catch (JsonProcessingException e) {
            throw new Invalid("not JSON", e);
        }
        if (!fields.isObject()) {
            throw new Invalid("not a JSON object");
        }
        JsonNode time = fields.path("occurred_at");
        if (!time.isIntegralNumber() || !time.canConvertToLong()) {
            throw new Invalid("occurred_at is not a whole number in range");
        }
        JsonNode note = fields.path("note");
        if (!note.isMissingNode() && !note.isNull() && !note.isTextual()) {
            throw new Invalid("note is not a text");
        }
        return new Command(fields.path("encoding").textValue(), new Order(
                fields.path("order_id").textValue(), // null unless it is a text
                fields.path("customer").textValue(),
                fields.path("status").textValue(),
                cents(fields.path("amount").textValue()),
                fields.path("currency").textValue(),
                time.longValue(),
                note.textValue()));
    }

    private static long cents(String amount) {
        if (amount == null || !AMOUNT.matcher(amount).matches()) {
            throw new Invalid("amount is not a text with two decimals");
        }
        try {
            return new BigInteger(amount.replace(".", "")).longValueExact();
        } catch (ArithmeticException e) {
            throw new Invalid("amount does not fit into 64 bits", e);
        }
    }
}
