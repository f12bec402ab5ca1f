"""What shape of cluster is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from kafka_lab.runtime.errors import LabError

DEFAULT_VERSION = "4.3.1"
PROGRAM_PRINCIPALS = 10
"""How many SASL users for learners' programs a cluster has (``program-0`` …)."""
MOST_BROKERS = 6

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI")
CERTIFICATES = ("valid", "expired", "wrong-san", "other-ca")
_CLIENT_AUTH = ("none", "requested", "required")
_OWN_NAMES = ("HARNESS", "INTERNAL", "CONTROLLER")


class ShapeError(LabError):
    """A shape that cannot be made. ``key`` is the field that is wrong, as manifests call it."""

    def __init__(self, key: str, what: str, fix: str) -> None:
        self.key = key
        super().__init__(what, fix)


@dataclass(frozen=True)
class ListenerSpec:
    """A listener, in Kafka's words (documentation, "Listener Configuration").

    ``mechanisms`` count where ``protocol`` has SASL; ``client_auth`` (``ssl.client.auth``)
    where it has TLS. So does ``certificate``, what brokers show there: ``valid``, or one that a
    client has to refuse: ``expired``, ``wrong-san`` (made out to another host), ``other-ca``.

    Raises:
        ShapeError: for a word that is not one of Kafka's, or not one that kafka-lab can make.
    """

    name: str = "CLIENT"
    protocol: str = "SASL_PLAINTEXT"
    mechanisms: tuple[str, ...] = ("PLAIN",)
    client_auth: str = "none"
    certificate: str = "valid"

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise ShapeError(
                "protocol",
                f"listener {self.name}: there is no protocol {self.protocol!r}",
                f"choose one of {', '.join(PROTOCOLS)}",
            )
        for mechanism in self.mechanisms:
            if mechanism not in MECHANISMS:
                raise ShapeError(
                    "mechanisms",
                    f"listener {self.name}: the mechanism {mechanism!r} cannot be had",
                    f"choose from {', '.join(MECHANISMS)}",
                )
        if self.client_auth not in _CLIENT_AUTH:
            raise ShapeError(
                "client_auth",
                f"listener {self.name}: client_auth is {self.client_auth!r}",
                f"choose one of {', '.join(_CLIENT_AUTH)}",
            )
        if self.certificate not in CERTIFICATES:
            raise ShapeError(
                "certificate",
                f"listener {self.name}: certificate is {self.certificate!r}",
                f"choose one of {', '.join(CERTIFICATES)}",
            )

    @property
    def sasl(self) -> bool:
        return self.protocol.startswith("SASL_")

    @property
    def tls(self) -> bool:
        return self.protocol.endswith("SSL")

    @property
    def keystore(self) -> str:
        """The file with key and chain that brokers show on it, in the folder of certificates."""
        return "broker.pem" if self.certificate == "valid" else f"broker-{self.certificate}.pem"

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ListenerSpec:
        return cls(**{**raw, "mechanisms": tuple(raw["mechanisms"])})


@dataclass(frozen=True)
class ClusterSpec:
    """The shape of a cluster.

    Brokers have the ids 1 … ``brokers``. The first ``controllers`` of them are controllers too;
    with ``separate`` the controllers are nodes of their own, with ids after the brokers'. Each
    node is a process or container of its own. The last ``later`` brokers are laid out and not
    started: ``cluster.broker(i).start()`` adds them to the running cluster.

    ``secured`` puts SASL/PLAIN on every listener that says nothing else, and the
    StandardAuthorizer in front of everything. ``listeners`` are those for programs, each behind
    the relay; the first is the one that a program is told about unless asked otherwise.
    ``internal`` is the listener between brokers (its name is always ``INTERNAL``).

    ``broker_config`` overrides any property of every node, ``node_config`` those of one node.
    ``racks`` are given to brokers in turn. ``versions`` lets single nodes run another version,
    ``upgrades`` names those that a node may be started with later; ``release`` is the metadata
    version with which the cluster is formatted (``kafka-storage format --release-version``).
    ``tiered`` brings a remote storage manager (Kafka's own LocalTieredStorage), ``jmx`` an
    exporter agent for each broker, ``log_dirs`` several log directories for each.

    Raises:
        ShapeError: for a shape that no backend can make.
    """

    brokers: int = 1
    version: str = DEFAULT_VERSION
    secured: bool = True
    broker_config: Mapping[str, str] = field(default_factory=dict)
    controllers: int = 1
    separate: bool = False
    later: int = 0
    racks: tuple[str, ...] = ()
    node_config: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    listeners: tuple[ListenerSpec, ...] = ()
    internal: ListenerSpec | None = None
    versions: Mapping[int, str] = field(default_factory=dict)
    upgrades: tuple[str, ...] = ()
    release: str = ""
    tiered: bool = False
    jmx: bool = False
    log_dirs: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.brokers <= MOST_BROKERS:
            raise ShapeError(
                "brokers",
                f"a cluster of {self.brokers} brokers cannot be had",
                f"ask for 1 to {MOST_BROKERS}",
            )
        if self.controllers not in (1, 3, 5):
            raise ShapeError(
                "controllers",
                f"{self.controllers} controllers make no quorum of use",
                "ask for 1, 3 or 5",
            )
        if not 0 <= self.later < self.brokers:
            raise ShapeError(
                "later", f"{self.later} of {self.brokers} brokers cannot come later", "ask for less"
            )
        if not self.separate and self.controllers > self.brokers - self.later:
            raise ShapeError(
                "controllers",
                f"{self.controllers} of {self.brokers} brokers cannot be controllers at the start",
                "ask for more brokers, or for separate controllers",
            )
        if not 1 <= self.log_dirs <= 4:
            raise ShapeError(
                "log_dirs", f"{self.log_dirs} log directories cannot be had", "ask for 1 to 4"
            )
        if self.internal and self.internal.certificate != "valid":
            # A broker refuses to start with one that its own peers would refuse.
            raise ShapeError(
                "internal",
                "brokers need a valid certificate between them",
                "ask for another one on a listener for programs",
            )
        if self.internal and (
            self.internal.name != "INTERNAL"
            or (self.internal.sasl and self.internal.mechanisms != ("PLAIN",))
        ):
            # SCRAM users are made by a request to the running cluster; brokers need theirs before.
            raise ShapeError(
                "internal",
                "the listener between brokers is called INTERNAL, and its only mechanism is PLAIN",
                "write ListenerSpec('INTERNAL', 'SASL_SSL')",
            )
        names = [listener.name for listener in self.listeners]
        for name in names:
            if name in _OWN_NAMES or names.count(name) > 1 or not name.isalnum():
                raise ShapeError(
                    "listeners",
                    f"a listener for programs cannot be called {name!r}",
                    "choose another name, of letters and digits",
                )

    @property
    def doors(self) -> tuple[ListenerSpec, ...]:
        """The listeners for programs; the default one if none is asked for."""
        return self.listeners or (self._default("CLIENT"),)

    @property
    def sockets(self) -> int:
        """How many relay ports it takes: one for each program listener of each broker."""
        return self.brokers * len(self.doors)

    @property
    def between(self) -> ListenerSpec:
        """The listener between brokers."""
        return self.internal or self._default("INTERNAL")

    @property
    def harness(self) -> ListenerSpec:
        """The listener for kafka-lab itself, which no program is told about."""
        return self._default("HARNESS")

    @property
    def tls(self) -> bool:
        """Whether any listener has TLS."""
        return any(x.tls for x in (*self.doors, self.between))

    def mechanisms(self) -> set[str]:
        """Every SASL mechanism of any listener."""
        every = (*self.doors, self.between, self.harness)
        return {m for x in every if x.sasl for m in x.mechanisms}

    def version_of(self, node: int) -> str:
        """The Kafka version with which a node starts."""
        return self.versions.get(node, self.version)

    def every_version(self) -> list[str]:
        """All versions that must be prepared, the main one first."""
        return list(dict.fromkeys([self.version, *self.versions.values(), *self.upgrades]))

    def _default(self, name: str) -> ListenerSpec:
        return ListenerSpec(name, "SASL_PLAINTEXT" if self.secured else "PLAINTEXT")

    def to_json(self) -> dict[str, Any]:
        raw = asdict(self)
        raw["node_config"] = {str(n): dict(c) for n, c in self.node_config.items()}
        raw["versions"] = {str(n): v for n, v in self.versions.items()}
        return raw

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ClusterSpec:
        known = {f.name for f in fields(cls)}
        made = {k: v for k, v in raw.items() if k in known}
        for key in ("racks", "upgrades"):
            made[key] = tuple(made.get(key, ()))
        for key in ("node_config", "versions"):
            made[key] = {int(n): v for n, v in made.get(key, {}).items()}
        made["listeners"] = tuple(ListenerSpec.from_json(x) for x in made.get("listeners", ()))
        if made.get("internal"):
            made["internal"] = ListenerSpec.from_json(made["internal"])
        return cls(**made)
