"""Keys side by side, each key's records one after another, and commits without gaps."""

import queue
import threading
import time
from collections import defaultdict, deque

from confluent_kafka import Message

THREADS = 16


class Partition:
    """One partition that this instance owns: what of it was taken and what is finished."""

    def __init__(self) -> None:
        self.owned = True
        self.unfinished: dict[int, None] = {}  # offsets, in the order of reading
        self.next = -1  # the offset behind the last record taken
        self.committed = -1

    def take(self, offset: int) -> None:
        self.unfinished[offset] = None
        self.next = offset + 1

    def finish(self, offset: int) -> None:
        self.unfinished.pop(offset, None)

    def committable(self) -> int:
        """Everything before this offset is finished: the first unfinished one, if there is one."""
        return next(iter(self.unfinished), self.next)


class Workers:
    """Threads that handle records. Two records of one key are never in hand at once."""

    def __init__(self, handle) -> None:
        self.handle = handle
        self.lock = threading.Condition()
        self.waiting: dict[bytes | None, deque] = defaultdict(deque)
        self.backlog = 0
        self.busy: dict[Partition, int] = defaultdict(int)
        self.problem: BaseException | None = None
        self.ready: queue.SimpleQueue = queue.SimpleQueue()  # keys with work and nobody at it
        for _ in range(THREADS):
            threading.Thread(target=self.work, daemon=True).start()

    def add(self, partition: Partition, message: Message) -> None:
        with self.lock:
            self.backlog += 1
            key = message.key()
            self.waiting[key].append((partition, message))
            if len(self.waiting[key]) == 1:
                self.ready.put(key)

    def work(self) -> None:
        while True:
            key = self.ready.get()
            with self.lock:
                partition, message = self.waiting[key][0]
                wanted = partition.owned
                self.busy[partition] += wanted
            try:
                if wanted:
                    self.handle(partition, message)
            except BaseException as problem:
                self.problem = problem
            with self.lock:
                self.busy[partition] -= wanted
                self.backlog -= 1
                # The key stays at the head of its line while it is in hand.
                self.waiting[key].popleft()
                if self.waiting[key]:
                    self.ready.put(key)
                else:
                    del self.waiting[key]
                self.lock.notify_all()

    def drain(self, partitions: list[Partition], seconds: float) -> None:
        """Begin nothing new of these partitions, and wait for what is in hand."""
        end = time.monotonic() + seconds
        with self.lock:
            for partition in partitions:
                partition.owned = False
            while any(self.busy[p] for p in partitions) and time.monotonic() < end:
                self.lock.wait(0.1)
            for partition in partitions:
                self.busy.pop(partition, None)
