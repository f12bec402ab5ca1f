"""Administration and log reading with the harness's rights, by raw requests.

One ``Admin`` serves one thread. Each method is a single round trip where Kafka allows it, so
that preparing an exercise's topics and rights costs milliseconds.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from kafka.protocol.admin.acl import (
    ACLOperation,
    ACLPermissionType,
    ACLResourceType,
    CreateAclsRequest,
    CreateAclsResponse,
    DeleteAclsRequest,
    DeleteAclsResponse,
    DescribeAclsRequest,
    DescribeAclsResponse,
)
from kafka.protocol.admin.cluster import (
    DescribeQuorumRequest,
    DescribeQuorumResponse,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)
from kafka.protocol.admin.groups import DescribeGroupsRequest, DescribeGroupsResponse
from kafka.protocol.admin.topics import CreateTopicsRequest, CreateTopicsResponse
from kafka.protocol.admin.transactions import (
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
)
from kafka.protocol.consumer.group import (
    LeaveGroupRequest,
    LeaveGroupResponse,
    OffsetFetchRequest,
    OffsetFetchResponse,
)
from kafka.protocol.consumer.offsets import ListOffsetsRequest, ListOffsetsResponse
from kafka.protocol.metadata import (
    ApiVersionsRequest,
    ApiVersionsResponse,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    MetadataRequest,
    MetadataResponse,
)

from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.wire import Wire, WireError

T = TypeVar("T")
_TOPIC_ALREADY_EXISTS = 36
_MOVING = frozenset({14, 15, 16})
"""COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR."""


class AdminError(Exception):
    """The cluster refused an administrative request of the harness: an error of the lab."""


@dataclass(frozen=True)
class Acl:
    """One rule. ``resource``: TOPIC, GROUP, CLUSTER …; ``operation`` as Kafka's."""

    principal: str
    resource: str
    name: str
    operation: str
    prefixed: bool = False
    deny: bool = False
    host: str = "*"

    @property
    def _permission(self) -> int:
        return int(ACLPermissionType.DENY if self.deny else ACLPermissionType.ALLOW)

    def fields(self) -> dict[str, Any]:
        return {
            "resource_type": int(ACLResourceType[self.resource]),
            "resource_name": self.name,
            "resource_pattern_type": 4 if self.prefixed else 3,
            "principal": f"User:{self.principal}",
            "host": self.host,
            "operation": int(ACLOperation[self.operation]),
            "permission_type": self._permission,
        }

    def filter_fields(self) -> dict[str, Any]:
        return {
            "resource_type_filter": int(ACLResourceType[self.resource]),
            "resource_name_filter": self.name,
            "pattern_type_filter": 4 if self.prefixed else 3,
            "principal_filter": f"User:{self.principal}",
            "host_filter": self.host,
            "operation": int(ACLOperation[self.operation]),
            "permission_type": self._permission,
        }


class Admin:
    """A harness's connection to each broker of a cluster, made when first needed."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._wires: dict[int, Wire] = {}
        self._repeated = False
        """Whether the last request was sent a second time: the first may have done its work."""

    def __enter__(self) -> Admin:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for wire in self._wires.values():
            wire.close()
        self._wires.clear()

    def call(self, request: Any, response: Any, broker_id: int | None = None) -> Any:
        """One request to one broker, or, if none is named, to the first that answers.

        Raises:
            WireError: when the broker is not reachable; it is connected to again once.
        """
        if broker_id is not None:
            return self._ask(broker_id, request, response)
        candidates = [b.id for b in self.cluster.running()]
        for candidate in candidates[:-1]:
            with contextlib.suppress(WireError):
                return self._ask(candidate, request, response)
        if not candidates:
            raise WireError("no broker of the cluster runs")
        return self._ask(candidates[-1], request, response)

    def _ask(self, broker_id: int, request: Any, response: Any) -> Any:
        for last in (False, True):
            self._repeated = last
            try:
                wire = self._wires.get(broker_id)
                if wire is None:
                    wire = self._wires[broker_id] = self.cluster.wire(
                        self.cluster.broker(broker_id)
                    )
                return wire.call(request, response)
            except WireError:
                stale = self._wires.pop(broker_id, None)
                if stale:
                    stale.close()
                if last:
                    raise
        raise AssertionError

    # -- topics ---------------------------------------------------------------------------

    def create_topics(
        self,
        topics: Mapping[str, int],
        replication_factor: int | None = None,
        config: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Create topics (name → number of partitions) and wait until each has its leaders.

        Returns topic id → name: newer clients name topics by id (KIP-516).

        Raises:
            AdminError: when the cluster refuses one.
        """
        spec = self.cluster.spec
        factor = replication_factor or min(3, spec.brokers - spec.later)
        topic_type = CreateTopicsRequest.CreatableTopic
        config_type = topic_type.CreatableTopicConfig
        wanted = [
            topic_type(
                name=name,
                num_partitions=partitions,
                replication_factor=factor,
                assignments=[],
                configs=[config_type(name=k, value=v) for k, v in (config or {}).items()],
            )
            for name, partitions in topics.items()
        ]
        answer = self.call(
            CreateTopicsRequest(version=7, topics=wanted, timeout_ms=10_000, validate_only=False),
            CreateTopicsResponse,
        )
        repeated = self._repeated
        passed = (0, _TOPIC_ALREADY_EXISTS) if repeated else (0,)
        for topic in answer.topics:
            if topic.error_code not in passed:
                raise AdminError(
                    f"topic {topic.name}: error {topic.error_code} {topic.error_message or ''}"
                )
        for name, partitions in topics.items():
            self.wait_for_leaders(name, partitions)
        made = [t for n in topics for t in self._described(n, 12)] if repeated else answer.topics
        return {str(topic.topic_id): str(topic.name) for topic in made}

    def leaders(self, topic: str) -> dict[int, int]:
        """Partition → leader's node id; partitions without a leader are left out."""
        return {
            p.partition_index: p.leader_id
            for p in self._partitions(topic)
            if not p.error_code and p.leader_id >= 0
        }

    def replicas(self, topic: str) -> dict[int, list[int]]:
        """Partition → its replicas' node ids, the preferred leader first."""
        return {p.partition_index: list(p.replica_nodes) for p in self._partitions(topic)}

    def in_sync(self, topic: str) -> dict[int, list[int]]:
        """Partition → node ids of the replicas that are in sync."""
        return {p.partition_index: list(p.isr_nodes) for p in self._partitions(topic)}

    def _partitions(self, topic: str) -> list[Any]:
        return [p for t in self._described(topic, 5) for p in t.partitions]

    def _described(self, topic: str, version: int) -> list[Any]:
        answer = self.call(
            MetadataRequest(
                version=version,
                topics=[MetadataRequest.MetadataRequestTopic(name=topic)],
                allow_auto_topic_creation=False,
            ),
            MetadataResponse,
        )
        return list(answer.topics)

    def local_start(self, topic: str, partition: int) -> int:
        """The first offset in the leader's local log: earlier ones are in remote storage only
        (KIP-405, ListOffsets with timestamp -4)."""
        wanted = ListOffsetsRequest.ListOffsetsTopic
        answer = self.call(
            ListOffsetsRequest(
                version=8,
                replica_id=-1,
                isolation_level=0,
                topics=[
                    wanted(
                        name=topic,
                        partitions=[
                            wanted.ListOffsetsPartition(
                                partition_index=partition, current_leader_epoch=-1, timestamp=-4
                            )
                        ],
                    )
                ],
            ),
            ListOffsetsResponse,
            self.leaders(topic)[partition],
        )
        return int(answer.topics[0].partitions[0].offset)

    # -- the quorum and its features ------------------------------------------------------

    def quorum_leader(self) -> int:
        """Node id of the active controller, as a broker knows it; -1 if it knows none."""
        wanted = DescribeQuorumRequest.TopicData
        answer = self.call(
            DescribeQuorumRequest(
                version=1,
                topics=[
                    wanted(
                        topic_name="__cluster_metadata",
                        partitions=[wanted.PartitionData(partition_index=0)],
                    )
                ],
            ),
            DescribeQuorumResponse,
        )
        if answer.error_code or not answer.topics:
            return -1
        return int(answer.topics[0].partitions[0].leader_id)

    def finalized(self, feature: str) -> int:
        """The finalized level of a feature (KIP-584); 0 when it has none."""
        answer = self.call(
            ApiVersionsRequest(
                version=3, client_software_name="kafka-lab", client_software_version="1"
            ),
            ApiVersionsResponse,
        )
        levels = {f.name: f.max_version_level for f in answer.finalized_features or ()}
        return int(levels.get(feature, 0))

    def raise_feature(self, feature: str, level: int) -> None:
        """Finalize a feature at a higher level. Raises ``AdminError`` when it is refused."""
        update = UpdateFeaturesRequest.FeatureUpdateKey
        answer = self.call(
            UpdateFeaturesRequest(
                version=1,
                timeout_ms=10_000,
                feature_updates=[update(feature=feature, max_version_level=level, upgrade_type=1)],
                validate_only=False,
            ),
            UpdateFeaturesResponse,
        )
        problems = [answer, *answer.results]
        for problem in problems:
            if problem.error_code:
                raise AdminError(f"{feature} {level}: {problem.error_message}")

    def wait_for_leaders(self, topic: str, partitions: int, timeout: float = 30.0) -> None:
        poll(
            lambda: len(self.leaders(topic)) >= partitions,
            timeout,
            f"topic {topic} did not get its leaders",
        )

    # -- rights ---------------------------------------------------------------------------

    def allow(self, acls: Sequence[Acl]) -> None:
        """Add rules and wait until every running broker goes by them.

        Raises:
            AdminError: when the cluster refuses one, or a broker does not take them up.
        """
        rule = CreateAclsRequest.AclCreation
        answer = self.call(
            CreateAclsRequest(version=2, creations=[rule(**a.fields()) for a in acls]),
            CreateAclsResponse,
        )
        for result in answer.results:
            if result.error_code:
                raise AdminError(f"ACL refused: {result.error_code} {result.error_message}")
        self._wait_for_rules(acls, there=True)

    def disallow(self, acls: Sequence[Acl]) -> None:
        """Remove rules and wait until no running broker goes by them any more.

        Raises:
            AdminError: when one was not there, or a broker does not give it up.
        """
        pattern = DeleteAclsRequest.DeleteAclsFilter
        answer = self.call(
            DeleteAclsRequest(version=2, filters=[pattern(**a.filter_fields()) for a in acls]),
            DeleteAclsResponse,
        )
        for acl, result in zip(acls, answer.filter_results, strict=True):
            if result.error_code or not result.matching_acls:
                raise AdminError(f"ACL not removed: {acl}: error {result.error_code}")
        self._wait_for_rules(acls, there=False)

    def _wait_for_rules(self, acls: Sequence[Acl], there: bool) -> None:
        # The controller answers as soon as a rule is in the metadata log; each broker takes it up
        # later, behind whatever else it has to apply, and denies until then.
        wanted = set(acls)
        principals = sorted({a.principal for a in acls})

        def reached(broker_id: int) -> bool:
            seen = {rule for p in principals for rule in self.rules(p, broker_id)}
            return wanted <= seen if there else not wanted & seen

        for broker in self.cluster.brokers:
            if broker.alive():
                poll(
                    lambda b=broker.id: reached(b),  # type: ignore[misc]
                    30,
                    f"broker {broker.id} did not take up a change of rights",
                )

    def settle_rules(self) -> None:
        """Wait until every running broker goes by all rules that were changed until now.

        A rule of nobody's own is added and waited for, and removed: what was changed before it
        stands before it in the metadata log. Raises ``AdminError``.
        """
        mark = Acl(f"nobody-{secrets.token_hex(8)}", "GROUP", "nothing", "DESCRIBE")
        self.allow([mark])
        self.disallow([mark])

    def rules(self, principal: str, broker_id: int | None = None) -> list[Acl]:
        """The rules of a principal, as one broker knows them."""
        anything = 1
        answer = self.call(
            DescribeAclsRequest(
                version=2,
                resource_type_filter=anything,
                resource_name_filter=None,
                pattern_type_filter=anything,
                principal_filter=f"User:{principal}",
                host_filter=None,
                operation=anything,
                permission_type=anything,
            ),
            DescribeAclsResponse,
            broker_id,
        )
        if answer.error_code:
            raise AdminError(f"reading ACLs: {answer.error_code} {answer.error_message}")
        return [
            Acl(
                principal,
                ACLResourceType(resource.resource_type).name,
                str(resource.resource_name),
                ACLOperation(rule.operation).name,
                resource.pattern_type == 4,
                rule.permission_type == int(ACLPermissionType.DENY),
                str(rule.host),
            )
            for resource in answer.resources
            for rule in resource.acls
        ]

    # -- groups and transactions ----------------------------------------------------------

    def coordinator(self, key: str, kind: int) -> int | None:
        """Node id of the coordinator of a group (kind 0) or transactional id (kind 1)."""
        answer = self.call(
            FindCoordinatorRequest(version=4, key_type=kind, coordinator_keys=[key]),
            FindCoordinatorResponse,
        )
        found = answer.coordinators[0]
        return None if found.error_code else int(found.node_id)

    def _coordinator(self, key: str, kind: int) -> int:
        found: list[int] = []

        def known() -> bool:
            node = self.coordinator(key, kind)
            if node is not None:
                found.append(node)
            return node is not None

        poll(known, 10, f"no coordinator for {key}")
        return found[0]

    def members(self, group: str) -> list[str]:
        """Member ids of a classic consumer group; empty for an unknown group."""
        answer = self.call(
            DescribeGroupsRequest(version=5, groups=[group]),
            DescribeGroupsResponse,
            self._coordinator(group, 0),
        )
        return [m.member_id for m in answer.groups[0].members]

    def evict(self, group: str, member_ids: Sequence[str]) -> None:
        """Remove members from a group as their session timeout would (LeaveGroup v3).

        A coordinator that is just moving or loading is asked again.

        Raises:
            AdminError: when the coordinator refuses, or is not there within ten seconds.
        """
        identity = LeaveGroupRequest.MemberIdentity

        def gone() -> bool:
            answer = self.call(
                LeaveGroupRequest(
                    version=3,
                    group_id=group,
                    members=[identity(member_id=m, group_instance_id=None) for m in member_ids],
                ),
                LeaveGroupResponse,
                self._coordinator(group, 0),
            )
            if answer.error_code in _MOVING:
                return False
            # 25: the member is already gone, which is what was wanted.
            problems = [m.error_code for m in answer.members if m.error_code not in (0, 25)]
            if answer.error_code or problems:
                raise AdminError(f"evicting from {group}: {answer.error_code} {problems}")
            return True

        poll(gone, 10, f"no coordinator to evict members from {group}", 0.05)

    def transaction_state(self, transactional_id: str) -> str:
        """Kafka's own name of the state (``Ongoing``, ``CompleteCommit`` …); empty if unknown."""
        answer = self.call(
            DescribeTransactionsRequest(version=0, transactional_ids=[transactional_id]),
            DescribeTransactionsResponse,
            self._coordinator(transactional_id, 1),
        )
        found = answer.transaction_states[0]
        return "" if found.error_code else str(found.transaction_state)

    def committed_offsets(
        self, group: str, topics: Mapping[str, int]
    ) -> dict[tuple[str, int], int]:
        """Committed offset per (topic, partition); partitions without one are left out.

        A coordinator that is just moving or loading knows nothing and says so: it is asked again.

        Raises:
            AdminError: when there is no answer without an error within ten seconds.
        """
        group_type = OffsetFetchRequest.OffsetFetchRequestGroup
        topic_type = group_type.OffsetFetchRequestTopics
        wanted = [topic_type(name=t, partition_indexes=list(range(n))) for t, n in topics.items()]
        found: dict[tuple[str, int], int] = {}

        def known() -> bool:
            answer = self.call(
                OffsetFetchRequest(
                    version=8,
                    groups=[group_type(group_id=group, topics=wanted)],
                    require_stable=False,
                ),
                OffsetFetchResponse,
                self._coordinator(group, 0),
            ).groups[0]
            places = [(t.name, p) for t in answer.topics for p in t.partitions]
            if answer.error_code or any(p.error_code for _, p in places):
                return False
            found.update({(t, p.partition_index): int(p.committed_offset) for t, p in places})
            return True

        poll(known, 10, f"the committed offsets of {group} are not to be had", 0.05)
        return {place: offset for place, offset in found.items() if offset >= 0}


def poll(
    condition: Callable[[], bool], timeout: float, problem: str, interval: float = 0.005
) -> None:
    """Wait until a condition of the cluster holds.

    Raises:
        AdminError: after ``timeout`` seconds, with ``problem`` as its text.
    """
    end = time.monotonic() + timeout
    while True:
        if condition():
            return
        if time.monotonic() > end:
            raise AdminError(f"{problem} within {timeout:.0f} s")
        time.sleep(interval)  # the cluster offers no notification: polled, with a deadline
