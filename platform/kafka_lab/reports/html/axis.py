"""A time axis on which every moment can be told from the next.

What matters happens within milliseconds, between waits of seconds. So the distance of two
moments grows with the logarithm of the time between them; the ticks say the true times.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise

_UNIT = 0.002
"""Seconds; below it distances are in proportion."""
_MOST = 1500
"""Moments that the axis tells apart."""


class Axis:
    """Seconds to pixels, from ``left`` to ``right``; monotone."""

    def __init__(self, times: Iterable[float], left: float, right: float) -> None:
        found = sorted(set(times)) or [0.0]
        if len(found) > _MOST:
            step = (found[-1] - found[0]) / _MOST
            found = sorted({found[0] + step * int((t - found[0]) / step) for t in found})
        self.times = found
        self.left, self.right = left, right
        places = [0.0]
        for a, b in pairwise(found):
            places.append(places[-1] + math.log1p((b - a) / _UNIT))
        scale = (right - left) / places[-1] if places[-1] else 0.0
        self._places = [left + scale * p for p in places]

    def x(self, t: float) -> float:
        """Where this moment is; what is outside lies at the ends."""
        at = bisect_right(self.times, t) - 1
        if at < 0:
            return self.left
        if at >= len(self.times) - 1:
            return self._places[-1]
        a, b = self.times[at], self.times[at + 1]
        return self._places[at] + (self._places[at + 1] - self._places[at]) * (t - a) / (b - a)

    def ticks(self, distance: float) -> list[tuple[float, float]]:
        """Moments with their places, at least so many pixels apart."""
        found: list[tuple[float, float]] = []
        for t, x in zip(self.times, self._places, strict=True):
            if not found or x - found[-1][1] >= distance:
                found.append((t, x))
        return found

    def waits(self, seconds: float, pixels: float) -> list[tuple[float, float, float]]:
        """Long stretches without anything: from x to x, and how long they really were."""
        return [
            (self._places[n], self._places[n + 1], b - a)
            for n, (a, b) in enumerate(pairwise(self.times))
            if b - a >= seconds and self._places[n + 1] - self._places[n] >= pixels
        ]
