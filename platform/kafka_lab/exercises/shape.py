"""``[cluster]`` of a manifest: the shape of the cluster that an exercise asks for.

The schema knows each key by itself. What only their combination can get wrong is said by
``ClusterSpec``, and told here at the key that it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka_lab.clusters.spec import ClusterSpec, ListenerSpec, ShapeError

_PROGRAM = ("protocol", "mechanism", "client_auth", "certificate")
"""Keys of the one listener of a manifest that lists none."""


def cluster_spec(raw: Mapping[str, Any]) -> ClusterSpec:
    """The spec that a valid ``[cluster]`` asks for; an empty one asks for a plain broker.

    Raises:
        ShapeError: for a shape that no backend can make; ``key`` is the key below ``cluster``.
    """
    plain = {k: raw[k] for k in ("brokers", "controllers", "separate", "later") if k in raw}
    plain |= {k: raw[k] for k in ("version", "release", "tiered", "jmx", "log_dirs") if k in raw}
    plain |= {k: tuple(raw[k]) for k in ("racks", "upgrades") if k in raw}
    if "authorizer" in raw:
        plain["secured"] = raw["authorizer"]
    secured = bool(plain.get("secured", True))
    versions = {int(n): str(v) for n, v in raw.get("versions", {}).items()}
    nodes = {int(n): _properties(c) for n, c in raw.get("node_config", {}).items()}
    spec = ClusterSpec(
        **plain,
        versions=versions,
        broker_config=_properties(raw.get("config", {})),
        node_config=nodes,
        listeners=_listeners(raw, secured),
        internal=_listener("internal", {"name": "INTERNAL", **raw["internal"]}, secured)
        if "internal" in raw
        else None,
    )
    # A separate controller's id follows the brokers'.
    most = spec.brokers + (spec.controllers if spec.separate else 0)
    for key, table in (("versions", versions), ("node_config", nodes)):
        for number in table:
            if not 1 <= number <= most:
                raise ShapeError(f"{key}.{number}", f"there is no node {number}", f"1 to {most}")
    return spec


def _properties(raw: Mapping[str, Any]) -> dict[str, str]:
    """Kafka's properties are text; TOML's numbers and truth values are written as Kafka does."""
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in raw.items()
    }


def _listeners(raw: Mapping[str, Any], secured: bool) -> tuple[ListenerSpec, ...]:
    listed = raw.get("listeners", ())
    single = {k: raw[k] for k in _PROGRAM if k in raw}
    if listed and single:
        key = next(iter(single))
        raise ShapeError(
            key, "is said for all, and there are [[cluster.listeners]]", "say it in each of them"
        )
    if single:
        return (_listener("", {"name": "CLIENT", **single}, secured),)
    return tuple(_listener(f"listeners.{n}", one, secured) for n, one in enumerate(listed))


def _listener(at: str, raw: Mapping[str, Any], secured: bool) -> ListenerSpec:
    protocol = raw.get("protocol", "SASL_PLAINTEXT" if secured else "PLAINTEXT")
    mechanisms = raw.get("mechanisms", [raw["mechanism"]] if "mechanism" in raw else ["PLAIN"])
    before = f"{at}." if at else ""
    if not protocol.startswith("SASL_"):
        for key in ("mechanism", "mechanisms"):
            if key in raw:
                raise ShapeError(
                    before + key,
                    f"means nothing with the protocol {protocol}",
                    "leave it out, or choose SASL_PLAINTEXT or SASL_SSL",
                )
    for key, usual in (("client_auth", "none"), ("certificate", "valid")):
        if not protocol.endswith("SSL") and raw.get(key, usual) != usual:
            raise ShapeError(
                f"{before}{key}",
                f"means nothing with the protocol {protocol}",
                "leave it out, or choose SSL or SASL_SSL",
            )
    try:
        return ListenerSpec(
            raw["name"],
            protocol,
            tuple(mechanisms),
            raw.get("client_auth", "none"),
            raw.get("certificate", "valid"),
        )
    except ShapeError as e:
        raise ShapeError(f"{before}{e.key}".rstrip("."), e.what, e.fix) from e
