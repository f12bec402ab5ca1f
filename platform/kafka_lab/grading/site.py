"""A cluster as a grader breaks it: its brokers, and the relay before it, each fault on record."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from kafka_lab.api import Rights
from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import Broker, Cluster
from kafka_lab.clusters.logreader import LogReader
from kafka_lab.clusters.ports import listening_socket
from kafka_lab.clusters.registry import choose
from kafka_lab.clusters.rights import acls, subject
from kafka_lab.clusters.spec import ClusterSpec
from kafka_lab.faults.relay import Relay, doors
from kafka_lab.grading.asking import Parent
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.events import EventLog
from kafka_lab.runtime.leases import Leases


class LabBroker:
    """One node of a cluster, to be killed and started by the grader.

    Faults are events of kind ``fault`` with the names ``broker-kill``, ``broker-stop``,
    ``broker-start``, ``broker-pause``, ``broker-resume`` and ``log-dir-offline``.
    """

    def __init__(self, site: Site, broker: Broker) -> None:
        self._site = site
        self._broker = broker
        self.id = broker.id

    def kill(self) -> None:
        """SIGKILL."""
        self._record("broker-kill")
        self._broker.kill()

    def stop(self) -> None:
        """An orderly shutdown (SIGTERM): it hands its partitions over first."""
        self._record("broker-stop")
        self._broker.stop()

    def start(self, version: str | None = None) -> None:
        """Start it, and let programs in once it serves requests.

        Until then the relay refuses them: a broker that is not registered yet names no brokers
        at all in its Metadata responses, and librdkafka then forgets the coordinator it knows and
        hangs for ever (its issues 5511 and 5456); no program can help that.

        ``version`` is another Kafka version, one of the spec's ``upgrades``.
        """
        self._site.relay.refuse(self.id)
        self._broker.start(version)
        self._site.relay.refuse(self.id, False)
        self._record("broker-start", **({"version": version} if version else {}))

    def restart(self) -> None:
        """SIGKILL it and start it again."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """SIGSTOP, or the container freezer: it answers nothing and closes nothing."""
        self._record("broker-pause")
        self._broker.pause()

    def resume(self) -> None:
        """Let a paused one go on."""
        self._broker.resume()
        self._record("broker-resume")

    def fail_log_dir(self, index: int) -> None:
        """Take a log directory (from 0) away, as a dying disk does. Needs ``log_dirs`` above 1."""
        self._record("log-dir-offline", index=index)
        self._broker.fail_log_dir(index)

    def alive(self) -> bool:
        """Whether its process runs, paused or not."""
        return self._broker.alive()

    def log_text(self) -> str:
        """Everything that it has logged so far."""
        return self._broker.log_text()

    def _record(self, fault: str, **more: Any) -> None:
        self._site.log.write("fault", fault=fault, broker=self.id, **more)


class Site:
    """A running cluster, the relay before it, and the harness's rights in it.

    ``name`` is empty for the exercise's own. Threads may share it.
    """

    def __init__(self, name: str, cluster: Cluster, relay: Relay, log: EventLog) -> None:
        self.name = name
        self.cluster = cluster
        self.relay = relay
        self.log = log
        self._local = threading.local()

    def broker(self, number: int) -> LabBroker:
        """The node with this id: brokers from 1, separate controllers after them.

        Raises:
            LabError: when there is none.
        """
        try:
            return LabBroker(self, self.cluster.broker(number))
        except KeyError:
            known = ", ".join(str(n.id) for n in self.cluster.nodes)
            raise LabError(f"there is no broker {number}", f"there are {known}") from None

    def add_broker(self) -> LabBroker:
        """Start the next broker of those that come later (``later`` in the shape).

        Raises:
            LabError: when all have come.
        """
        spec = self.cluster.spec
        for number in range(spec.brokers - spec.later + 1, spec.brokers + 1):
            broker = self.broker(number)
            if self.cluster.broker(number).meant_down and not broker.alive():
                broker.start()
                return broker
        raise LabError("there is no broker left to add", "ask for more in the shape's `later`")

    def admin(self) -> Admin:
        """This thread's connection with the harness's rights."""
        found = getattr(self._local, "admin", None)
        if found is None:
            found = self._local.admin = Admin(self.cluster)
        assert isinstance(found, Admin)
        return found

    def create_topics(self, topics: Mapping[str, int], **how: Any) -> dict[str, str]:
        """Name → partitions, as ``Admin.create_topics``; returns topic id → name."""
        ids = self.admin().create_topics(topics, **how)
        self.log.write("topics", topics=dict(topics), ids=ids)
        return ids

    def reader(self, topics: Mapping[str, int]) -> LogReader:
        """A log reader for this thread."""
        return LogReader(self.admin(), dict(topics), self.log)

    def allow(self, principal: str, rights: Rights | Sequence[Acl]) -> None:
        """Give a program's principal rights in this cluster; nothing where all is allowed."""
        if not self.cluster.spec.secured:
            return
        if isinstance(rights, Rights):
            rights = acls(subject(self.cluster.spec.doors[0], principal), rights)
        self.admin().allow(rights)

    def lost_brokers(self) -> list[str]:
        """What there is to say of each node that is gone though nobody here ended it."""
        lost = []
        for node in self.cluster.nodes:
            if node.meant_down:
                continue
            try:
                if not node.alive():
                    gone = f"broker {node.id} ended, and not by the grader's hand"
                    lost.append(f"{gone}: check again")
            except LabError as e:  # whoever runs it does not answer
                lost.append(f"{e.what}: {e.fix}")
        return lost


def another(
    name: str, spec: ClusterSpec, backend: str, parent: Parent, leases: Leases, log: EventLog
) -> Site:
    """Have the parent start a cluster, with a relay of its own before it.

    Raises:
        LabError: when it cannot be started, or its name is taken.
    """
    sockets = [listening_socket() for _ in range(spec.sockets)]
    try:
        ports = [s.getsockname()[1] for s in sockets]
        handle = parent.ask("cluster", name=name, spec=spec.to_json(), relay_ports=ports)
    except BaseException:
        for s in sockets:
            s.close()
        raise
    cluster = choose(backend).attach(handle, leases)
    tagged = log.tagged(cluster=name)
    return Site(name, cluster, Relay(sockets, doors(cluster), tagged).start(), tagged)
