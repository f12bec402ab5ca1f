/** Asked by SIGTERM's hook, on another thread. */
interface Stop {
    boolean asked();
}
