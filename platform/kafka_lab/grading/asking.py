"""The grader's child asks, the parent does it and answers: what is started is the parent's.

A question is one JSON line among the child's results, ``{"type": "ask", "number", "what", …}``;
the answer is one line on the child's standard input, with the same number.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import IO, Any

from kafka_lab.runtime.errors import LabError

Handler = Callable[[Mapping[str, Any]], dict[str, Any]]


class Parent:
    """The child's end. Several threads may ask at the same time."""

    def __init__(self, send: Callable[..., None]) -> None:
        """``send``: writes one line of results, by kind and fields."""
        self._send = send
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[dict[str, Any]]] = {}

    def ask(self, what: str, **fields: Any) -> dict[str, Any]:
        """Ask and wait for the answer.

        Raises:
            LabError: when the parent could not do it, in its words.
        """
        number = next(self._numbers)
        answer = self._waiting[number] = Future()
        self._send("ask", number=number, what=what, **fields)
        return answer.result()

    def answered(self, line: str) -> None:
        """A line of the parent has come."""
        raw = json.loads(line)
        answer = self._waiting.pop(int(raw["number"]))
        if "error" in raw:
            answer.set_exception(LabError(raw["error"], raw["fix"]))
        else:
            answer.set_result(raw["answer"])


class Answers:
    """The parent's end: each question is answered on a thread of its own."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = dict(handlers)
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="answers")
        self._lock = threading.Lock()
        self._under_way: list[Future[None]] = []

    def heard(self, question: Mapping[str, Any], pipe: IO[bytes]) -> None:
        """Begin to answer a question; the answer goes into ``pipe``."""
        self._under_way.append(self._pool.submit(self._answer, question, pipe))

    def _answer(self, question: Mapping[str, Any], pipe: IO[bytes]) -> None:
        said: dict[str, Any] = {"number": question["number"]}
        try:
            said["answer"] = self._handlers[question["what"]](question)
        except LabError as e:
            said |= {"error": e.what, "fix": e.fix}
        except Exception as e:  # it is told to the child, which breaks with it
            said |= {"error": f"{type(e).__name__}: {e}", "fix": "this is a fault of the lab"}
        # A child that has gone needs no answer.
        with self._lock, contextlib.suppress(OSError, ValueError):
            pipe.write(json.dumps(said).encode() + b"\n")
            pipe.flush()

    def close(self, seconds: float) -> None:
        """Take no more questions, and give those under way this long to come to their end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        wait(self._under_way, seconds)
