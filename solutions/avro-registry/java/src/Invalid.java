/** The record is none that the brief allows. */
final class Invalid extends RuntimeException {
    Invalid(String reason) {
        super(reason);
    }

    Invalid(String reason, Throwable cause) {
        super(reason + ": " + cause, cause);
    }
}
