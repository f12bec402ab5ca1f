"""Every shape on every backend; docs/contributors/shapes.md is made from these tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T", bound=Callable[..., object])


def shape(name: str, seen: str, refused_by: str = "") -> Callable[[T], T]:
    """What a test stands for in the table: the shape, the property that a client observed in it,
    and the backend that refuses to make it."""

    def mark(test: T) -> T:
        test.__dict__["shape"] = (name, seen, refused_by)
        return test

    return mark
