"""The courier's HTTP API: one call, and what its outcome means."""

import http.client
import os
from dataclasses import dataclass
from urllib.parse import urlsplit

URL = os.environ.get("COURIER_URL", "")
TIMEOUT = int(os.environ.get("COURIER_TIMEOUT_MS") or 1000) / 1000


@dataclass
class Failure(Exception):
    """The courier did not take it. ``permanent``: asking again cannot help."""

    error: str
    permanent: bool


def hand_over(key: bytes | None, value: bytes | None, origin: str) -> None:
    """Tell the courier about an order. ``origin`` is the same in every attempt at it.

    Raises:
        Failure: when that did not work, or may not have.
    """
    if key is None:
        raise Failure("no-key", permanent=True)
    url = urlsplit(URL)
    # A timeout at every wait: connecting, sending, reading.
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=TIMEOUT)
    try:
        connection.request(
            "DELETE" if value is None else "PUT",
            f"{url.path}/shipments/{key.decode()}",
            value,
            {"Idempotency-Key": origin},
        )
        status = connection.getresponse().status
    except TimeoutError:
        raise Failure("timeout", permanent=False) from None
    except (OSError, http.client.HTTPException):
        raise Failure("connection", permanent=False) from None
    finally:
        connection.close()
    if not 200 <= status < 300:
        transient = status in (408, 429) or status >= 500
        raise Failure(f"http-{status}", permanent=not transient)
