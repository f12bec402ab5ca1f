"""Hand-made histories: good ones, and at least one for each anomaly, with the codes expected.

The messages of the bad ones are in ``golden.txt`` under the same names.
"""

from __future__ import annotations

from .delivery import DELIVERY
from .history import History
from .offsets import OFFSETS
from .ordering import ORDERING
from .pairing import PAIRING
from .payload import PAYLOAD
from .transactions import TRANSACTIONS
from .writers import WRITERS

HISTORIES = [
    *DELIVERY,
    *PAIRING,
    *WRITERS,
    *TRANSACTIONS,
    *OFFSETS,
    *ORDERING,
    *PAYLOAD,
]

__all__ = ["HISTORIES", "History"]
