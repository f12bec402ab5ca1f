import java.util.TreeSet;

/** One partition that this instance owns: what of it was taken, and what is finished. */
final class OwnedPartition {
    /** Whether its records may still be begun. Guarded by the lock of {@link Lines}. */
    boolean mine = true;

    private final TreeSet<Long> unfinished = new TreeSet<>();
    private long next = -1; // the offset behind the last record taken
    private long committed = -1;

    synchronized void take(long offset) {
        unfinished.add(offset);
        next = offset + 1;
    }

    synchronized void finish(long offset) {
        unfinished.remove(offset);
    }

    /** What may be committed: everything before it is finished. Null if that is nothing new. */
    synchronized Long committable() {
        long offset = unfinished.isEmpty() ? next : unfinished.first();
        return offset > committed ? offset : null;
    }

    synchronized void committed(long offset) {
        committed = offset;
    }
}
