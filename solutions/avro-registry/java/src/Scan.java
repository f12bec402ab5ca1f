import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/** A scan as a scanner sends it. */
record Scan(String parcel, String depot, long scannedAt, long grams, String status, String note,
        String handler) {
    private static final ObjectMapper JSON = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    private static final Set<String> STATUSES = Set.of("ARRIVED", "DEPARTED", "LOST");

    /** Throws Invalid. */
    static Scan parse(byte[] value) {
        if (value == null) {
            throw new Invalid("the value is null");
        }
        JsonNode fields;
        try {
            // A new decoder reports what is no UTF-8; new String(...) would replace it silently.
            fields = JSON.readTree(StandardCharsets.UTF_8.newDecoder()
                    .decode(ByteBuffer.wrap(value)).toString());
        } catch (JsonProcessingException | CharacterCodingException e) {
            throw new Invalid("not JSON in UTF-8", e);
        }
        if (!fields.isObject()) {
            throw new Invalid("not a JSON object");
        }
        String status = fields.path("status").textValue();
        if (status == null || !STATUSES.contains(status)) {
            throw new Invalid("status is none of the three");
        }
        JsonNode note = fields.path("note");
        if (!note.isMissingNode() && !note.isNull() && !note.isTextual()) {
            throw new Invalid("note is not a text");
        }
        return new Scan(text(fields, "parcel"), text(fields, "depot"), number(fields, "scanned_at"),
                number(fields, "grams"), status, note.textValue(),
                fields.has("handler") ? text(fields, "handler") : "unknown");
    }

    private static String text(JsonNode fields, String name) {
        String text = fields.path(name).textValue(); // null unless it is a text
        if (text == null || text.isEmpty()) {
            throw new Invalid(name + " is not a non-empty text");
        }
        return text;
    }

    private static long number(JsonNode fields, String name) {
        JsonNode number = fields.path(name);
        if (!number.isIntegralNumber() || !number.canConvertToLong() || number.longValue() < 0) {
            throw new Invalid(name + " is not a whole number in range");
        }
        return number.longValue();
    }
}
