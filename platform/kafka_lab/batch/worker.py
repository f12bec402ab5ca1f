"""A Dask worker of a local run: ``python -m kafka_lab.batch.worker``.

Reads where the scheduler is (a JSON line) from standard input; the pipe ends with the process that
started the worker, and the worker with the pipe. Everything between them is TLS with a certificate
of this run alone: a scheduler runs whatever it is sent, and must listen to nobody else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from typing import Any


async def serve(raw: dict[str, Any]) -> None:
    """Work until told to stop, or until the scheduler is gone."""
    from distributed import Worker
    from distributed.security import Security

    security = Security(
        tls_ca_file=raw["ca"],
        tls_worker_cert=raw["cert"],
        tls_worker_key=raw["key"],
        require_encryption=True,
    )
    worker = Worker(
        raw["scheduler"],
        name=raw["name"],
        nthreads=raw["clusters"],
        resources={"clusters": raw["clusters"]},
        security=security,
        protocol="tls",
        host="127.0.0.1",
        local_directory=raw["folder"],
        memory_limit=0,
        dashboard=False,
        dashboard_address="127.0.0.1:0",
        death_timeout=60,
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)

    def watch() -> None:
        while sys.stdin.buffer.read(1 << 16):
            pass
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()
    await worker
    await asyncio.wait(
        [asyncio.ensure_future(ended.wait()), asyncio.ensure_future(worker.finished())],
        return_when=asyncio.FIRST_COMPLETED,
    )


def main() -> None:
    import dask

    from kafka_lab.batch import task

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    # Its HTTP server cannot be left out; it serves nothing, and to this machine only.
    dask.config.set({"distributed.worker.http.routes": []})
    raw = json.loads(sys.stdin.buffer.readline())
    code = 0
    try:
        asyncio.run(serve(raw))
    except Exception as e:
        print(f"{type(e).__name__}: {e}", file=sys.stderr)
        code = 1
    finally:
        task.stop_and_wait()
    os._exit(code)  # threads of Dask's, and one in a read of standard input


if __name__ == "__main__":
    main()
