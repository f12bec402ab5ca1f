"""Having the image here: looked up on the engine, pulled with progress if it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kafka_lab.clusters.testcontainers.settings import image_name
from kafka_lab.runtime.engine import Engine, refusals, trouble
from kafka_lab.runtime.errors import LabError

Say = Callable[[str, int, int], None]
"""Called with (what is being done, megabytes done, megabytes in all)."""


def wanted(version: str) -> list[str]:
    """The images that a cluster needs: Kafka's, and Ryuk's unless it is switched off."""
    from testcontainers.core.config import testcontainers_config as settings

    names = [settings.hub_image_name_prefix + image_name(version)]
    if not settings.ryuk_disabled:
        names.append(settings.hub_image_name_prefix + settings.ryuk_image)
    return names


def present(engine: Engine, name: str) -> bool:
    """Whether the engine has the image. Raises ``LabError`` when it does not answer."""
    from docker.errors import ImageNotFound

    with trouble(f"looking for the image {name}"):
        try:
            engine.api.inspect_image(name)
        except ImageNotFound:
            return False
    return True


def pull(engine: Engine, name: str, say: Say | None) -> None:
    """Pull one image.

    Raises:
        LabError: when it cannot be had.
    """
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(name)
    layers: dict[str, tuple[int, int]] = {}
    try:
        for event in engine.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
            if event.get("error"):
                raise _not_had(name, str(event["error"]))
            if say and _heard(layers, event):
                done, total = (sum(x) >> 20 for x in zip(*layers.values(), strict=True))
                say(f"pulling {name}, in MB", done, total)
    except refusals() as e:
        raise _not_had(name, str(getattr(e, "explanation", None) or e)) from e


def _heard(layers: dict[str, tuple[int, int]], event: dict[str, Any]) -> bool:
    """Note how far a layer is; whether the event said so."""
    detail = event.get("progressDetail") or {}
    if event.get("status") == "Downloading" and detail.get("total"):
        layers[event["id"]] = (int(detail["current"]), int(detail["total"]))
        return True
    if event.get("status") == "Download complete" and event.get("id") in layers:
        total = layers[event["id"]][1]
        layers[event["id"]] = (total, total)
        return True
    return False


def _not_had(name: str, reason: str) -> LabError:
    if "ryuk" in name:
        fix = "TESTCONTAINERS_RYUK_DISABLED=true does without it"
    else:
        fix = "let KAFKA_LAB_KAFKA_IMAGE name an image that can be had"
    return LabError(
        f"the image {name} cannot be pulled: {reason.strip()}",
        f"{fix}, or set KAFKA_LAB_BACKEND=embedded, which needs no Docker",
    )
