import org.apache.kafka.common.errors.SerializationException;

/** The record is none that the brief allows: poison. */
final class Invalid extends SerializationException {
    Invalid(String reason) {
        super(reason);
    }

    Invalid(String reason, Throwable cause) {
        super(reason + ": " + cause, cause);
    }
}
