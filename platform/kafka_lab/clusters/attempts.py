"""What a principal may do, found out by doing it: one real request for each operation.

Reading rules tells what an administrator wrote down; only an attempt tells what the authorizer
makes of it. Each attempt answers with Kafka's error code. None destroys anything, also where it
is allowed and should not be: records before offset 0 are deleted, topics are created and grown with
``validate_only``, a group that is deleted is an empty one.
"""

from __future__ import annotations

import secrets
import ssl
import time
from collections.abc import Callable
from typing import Any

from kafka.protocol.admin.acl import (
    CreateAclsRequest,
    CreateAclsResponse,
    DescribeAclsRequest,
    DescribeAclsResponse,
)
from kafka.protocol.admin.configs import (
    DescribeConfigsRequest,
    DescribeConfigsResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
)
from kafka.protocol.admin.groups import (
    DeleteGroupsRequest,
    DeleteGroupsResponse,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
    ListGroupsRequest,
    ListGroupsResponse,
)
from kafka.protocol.admin.topics import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteRecordsRequest,
    DeleteRecordsResponse,
)
from kafka.protocol.admin.transactions import (
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
)
from kafka.protocol.consumer.fetch import FetchRequest, FetchResponse
from kafka.protocol.consumer.group import (
    JoinGroupRequest,
    JoinGroupResponse,
    LeaveGroupRequest,
    LeaveGroupResponse,
    OffsetCommitRequest,
    OffsetCommitResponse,
)
from kafka.protocol.metadata import MetadataRequest, MetadataResponse
from kafka.protocol.producer.produce import ProduceRequest, ProduceResponse
from kafka.protocol.producer.transaction import (
    AddOffsetsToTxnRequest,
    AddOffsetsToTxnResponse,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    EndTxnRequest,
    EndTxnResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
)
from kafka.record.default_records import DefaultRecordBatchBuilder

from kafka_lab.clusters.admin import Acl
from kafka_lab.clusters.base import Cluster
from kafka_lab.clusters.pki import Paths, Pki
from kafka_lab.clusters.wire import Wire

DENIED = frozenset({29, 30, 31, 53})
"""Kafka's error codes of a denial: …_AUTHORIZATION_FAILED of topic, group, cluster, transaction."""

FINE: dict[int, str] = {
    0: "NONE",
    36: "TOPIC_ALREADY_EXISTS",
    69: "GROUP_ID_NOT_FOUND",
    105: "TRANSACTIONAL_ID_NOT_FOUND",
}
"""Answers that come only after the authorizer has said yes to an attempt of this module."""

_CONCURRENT_TRANSACTIONS = 51
_TOPIC, _BROKER = 2, 4


def login(cluster: Cluster, door: str, user: str, password: str, mechanism: str) -> Wire:
    """A connection of a SASL user to the first broker, past the relay.

    Raises:
        WireError: when it is refused, or the broker does not answer.
    """
    at = cluster.brokers[0].doors[door]
    return Wire(at.host, at.port, user, password, mechanism=mechanism)


def show(cluster: Cluster, door: str, certificate: Paths) -> Wire:
    """A connection to the first broker, past the relay, by a client's certificate.

    Raises:
        WireError: when it is refused, or the broker does not answer.
    """
    at = cluster.brokers[0].doors[door]
    context = ssl.create_default_context(cafile=str(Pki(certificate.key.parent).ca))
    context.load_cert_chain(certificate.certificate, certificate.key)
    return Wire(at.host, at.port, tls=context)


class Attempts:
    """One principal's connection to a cluster of one broker, and everything it may try there.

    Not safe for several threads.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._tries: dict[tuple[str, str], Callable[[str], int]] = {
            ("topic", "Describe"): self._describe_topic,
            ("topic", "Read"): self._fetch,
            ("topic", "Write"): self.write,
            ("topic", "Create"): self._create_topic,
            ("topic", "Delete"): self._delete_records,
            ("topic", "Alter"): self._add_partitions,
            ("topic", "DescribeConfigs"): lambda name: self._describe_configs(_TOPIC, name),
            ("topic", "AlterConfigs"): self._alter_topic_config,
            ("group", "Describe"): self._describe_group,
            ("group", "Read"): self._join_group,
            ("group", "Delete"): self._delete_group,
            ("transactional-id", "Describe"): self._describe_transaction,
            ("transactional-id", "Write"): lambda name: int(self._init(name).error_code),
            ("cluster", "Alter"): self._create_acl,
            ("cluster", "Describe"): self._describe_acls,
            ("cluster", "Create"): self._create_topic,
            ("cluster", "DescribeConfigs"): lambda name: self._describe_configs(_BROKER, "1"),
            ("cluster", "AlterConfigs"): self._alter_broker_config,
            ("cluster", "IdempotentWrite"): lambda name: int(self._init(None).error_code),
        }

    def close(self) -> None:
        self.wire.close()

    def attempt(self, kind: str, operation: str, name: str) -> int:
        """Try one of Kafka's operations on a resource; the error code of the answer.

        ``kind``: ``topic``, ``group``, ``transactional-id``, ``cluster`` (then the name is of no
        matter, but for Create: a topic's).

        Raises:
            KeyError: when there is no such attempt.
            WireError: when the connection breaks.
        """
        return self._tries[kind, operation](name)

    # -- lists, which are filtered instead of denied --------------------------------------

    def topics(self) -> set[str]:
        """The topics that a list of all names."""
        answer = self.wire.call(
            MetadataRequest(version=9, topics=None, allow_auto_topic_creation=False),
            MetadataResponse,
        )
        return {str(t.name) for t in answer.topics}

    def groups(self) -> set[str]:
        """The groups that a list of all names."""
        answer = self.wire.call(ListGroupsRequest(version=4, states_filter=[]), ListGroupsResponse)
        return {str(g.group_id) for g in answer.groups}

    # -- topics ---------------------------------------------------------------------------

    def _describe_topic(self, topic: str) -> int:
        wanted = MetadataRequest.MetadataRequestTopic(name=topic)
        answer = self.wire.call(
            MetadataRequest(version=9, topics=[wanted], allow_auto_topic_creation=False),
            MetadataResponse,
        )
        return int(answer.topics[0].error_code)

    def _fetch(self, topic: str) -> int:
        kind = FetchRequest.FetchTopic
        partition = kind.FetchPartition(
            partition=0, fetch_offset=0, log_start_offset=-1, partition_max_bytes=1024
        )
        answer = self.wire.call(
            FetchRequest(
                version=11,
                replica_id=-1,
                max_wait_ms=0,
                min_bytes=0,
                max_bytes=1024,
                isolation_level=0,
                session_id=0,
                session_epoch=-1,
                topics=[kind(topic=topic, partitions=[partition])],
                forgotten_topics_data=[],
                rack_id="",
            ),
            FetchResponse,
        )
        return int(answer.responses[0].partitions[0].error_code)

    def write(self, topic: str, transactional_id: str | None = None, producer: Any = None) -> int:
        """Write one record to partition 0; in a transaction if a producer's ids are given."""
        builder = DefaultRecordBatchBuilder(
            2,
            0,
            producer is not None,
            producer.producer_id if producer else -1,
            producer.producer_epoch if producer else -1,
            0 if producer else -1,
            1 << 14,
        )
        builder.append(0, int(time.time() * 1000), b"attempt", b"attempt", [])
        kind = ProduceRequest.TopicProduceData
        part = kind.PartitionProduceData(index=0, records=bytes(builder.build()))
        answer = self.wire.call(
            ProduceRequest(
                version=9,
                transactional_id=transactional_id,
                acks=-1,
                timeout_ms=5000,
                topic_data=[kind(name=topic, partition_data=[part])],
            ),
            ProduceResponse,
        )
        return int(answer.responses[0].partition_responses[0].error_code)

    def _create_topic(self, topic: str) -> int:
        kind = CreateTopicsRequest.CreatableTopic
        wanted = kind(
            name=topic, num_partitions=1, replication_factor=1, assignments=[], configs=[]
        )
        answer = self.wire.call(
            CreateTopicsRequest(version=7, topics=[wanted], timeout_ms=5000, validate_only=True),
            CreateTopicsResponse,
        )
        return int(answer.topics[0].error_code)

    def _delete_records(self, topic: str) -> int:
        kind = DeleteRecordsRequest.DeleteRecordsTopic
        part = kind.DeleteRecordsPartition(partition_index=0, offset=0)
        answer = self.wire.call(
            DeleteRecordsRequest(
                version=2, topics=[kind(name=topic, partitions=[part])], timeout_ms=5000
            ),
            DeleteRecordsResponse,
        )
        return int(answer.topics[0].partitions[0].error_code)

    def _add_partitions(self, topic: str) -> int:
        wanted = CreatePartitionsRequest.CreatePartitionsTopic(
            name=topic, count=64, assignments=None
        )
        answer = self.wire.call(
            CreatePartitionsRequest(
                version=3, topics=[wanted], timeout_ms=5000, validate_only=True
            ),
            CreatePartitionsResponse,
        )
        return int(answer.results[0].error_code)

    # -- configuration --------------------------------------------------------------------

    def _describe_configs(self, kind: int, name: str) -> int:
        wanted = DescribeConfigsRequest.DescribeConfigsResource(
            resource_type=kind, resource_name=name, configuration_keys=None
        )
        answer = self.wire.call(
            DescribeConfigsRequest(
                version=4,
                resources=[wanted],
                include_synonyms=False,
                include_documentation=False,
            ),
            DescribeConfigsResponse,
        )
        return int(answer.results[0].error_code)

    def _alter_topic_config(self, topic: str) -> int:
        return self._alter_config(_TOPIC, topic, "retention.ms", "604800000", False)

    def _alter_broker_config(self, name: str) -> int:
        return self._alter_config(_BROKER, "1", "log.cleaner.threads", "1", True)

    def _alter_config(self, kind: int, name: str, key: str, value: str, only: bool) -> int:
        resource = IncrementalAlterConfigsRequest.AlterConfigsResource
        entry = resource.AlterableConfig(name=key, config_operation=0, value=value)
        answer = self.wire.call(
            IncrementalAlterConfigsRequest(
                version=1,
                resources=[resource(resource_type=kind, resource_name=name, configs=[entry])],
                validate_only=only,
            ),
            IncrementalAlterConfigsResponse,
        )
        return int(answer.responses[0].error_code)

    # -- groups ---------------------------------------------------------------------------

    def _describe_group(self, group: str) -> int:
        answer = self.wire.call(
            DescribeGroupsRequest(version=5, groups=[group], include_authorized_operations=False),
            DescribeGroupsResponse,
        )
        return int(answer.groups[0].error_code)

    def _join_group(self, group: str) -> int:
        protocol = JoinGroupRequest.JoinGroupRequestProtocol(name="range", metadata=b"")
        answer = self.wire.call(
            JoinGroupRequest(
                version=3,  # later ones ask twice for a member id (KIP-394)
                group_id=group,
                session_timeout_ms=10_000,
                rebalance_timeout_ms=1_000,
                member_id="",
                protocol_type="consumer",
                protocols=[protocol],
            ),
            JoinGroupResponse,
        )
        if not answer.error_code:
            self._leave_group(group, answer.member_id)
        return int(answer.error_code)

    def _leave_group(self, group: str, member: str) -> None:
        identity = LeaveGroupRequest.MemberIdentity(member_id=member, group_instance_id=None)
        self.wire.call(
            LeaveGroupRequest(version=3, group_id=group, members=[identity]), LeaveGroupResponse
        )

    def _delete_group(self, group: str) -> int:
        answer = self.wire.call(
            DeleteGroupsRequest(version=2, groups_names=[group]), DeleteGroupsResponse
        )
        return int(answer.results[0].error_code)

    def commit(self, group: str, topic: str) -> int:
        """Commit offset 0 of partition 0 for a group without members."""
        kind = OffsetCommitRequest.OffsetCommitRequestTopic
        part = kind.OffsetCommitRequestPartition(
            partition_index=0, committed_offset=0, committed_leader_epoch=-1, committed_metadata=""
        )
        answer = self.wire.call(
            OffsetCommitRequest(
                version=8,
                group_id=group,
                generation_id_or_member_epoch=-1,
                member_id="",
                group_instance_id=None,
                topics=[kind(name=topic, partitions=[part])],
            ),
            OffsetCommitResponse,
        )
        return int(answer.topics[0].partitions[0].error_code)

    # -- transactions ---------------------------------------------------------------------

    def _describe_transaction(self, name: str) -> int:
        answer = self.wire.call(
            DescribeTransactionsRequest(version=0, transactional_ids=[name]),
            DescribeTransactionsResponse,
        )
        return int(answer.transaction_states[0].error_code)

    def _init(self, transactional_id: str | None) -> Any:
        """Asked again while the last transaction of this id is being ended."""
        for _ in range(200):
            answer = self.wire.call(
                InitProducerIdRequest(
                    version=4,
                    transactional_id=transactional_id,
                    transaction_timeout_ms=10_000,
                    producer_id=-1,
                    producer_epoch=-1,
                ),
                InitProducerIdResponse,
            )
            if answer.error_code != _CONCURRENT_TRANSACTIONS:
                break
            time.sleep(0.02)  # the coordinator offers no notification: polled, with a limit
        return answer

    def transaction(
        self, transactional_id: str, source: str, group: str, target: str
    ) -> tuple[str, int]:
        """Write to ``target`` and commit ``group``'s offset of ``source`` in one transaction.

        Returns the request that was answered with an error, and the error; or ``""`` and 0.
        """
        ids = self._init(transactional_id)
        if ids.error_code:
            return "InitProducerId", int(ids.error_code)
        named = {
            "transactional_id": transactional_id,
            "producer_id": ids.producer_id,
            "producer_epoch": ids.producer_epoch,
        }
        topic = AddPartitionsToTxnRequest.AddPartitionsToTxnTopic(name=target, partitions=[0])
        added = self.wire.call(
            AddPartitionsToTxnRequest(
                version=3,
                v3_and_below_transactional_id=transactional_id,
                v3_and_below_producer_id=ids.producer_id,
                v3_and_below_producer_epoch=ids.producer_epoch,
                v3_and_below_topics=[topic],
            ),
            AddPartitionsToTxnResponse,
        )
        steps: list[tuple[str, Callable[[], int]]] = [
            ("Produce", lambda: self.write(target, transactional_id, ids)),
            ("AddOffsetsToTxn", lambda: self._add_offsets(named, group)),
            ("TxnOffsetCommit", lambda: self._txn_commit(named, group, source)),
        ]
        part = added.results_by_topic_v3_and_below[0].results_by_partition[0]
        failed = ("AddPartitionsToTxn", int(part.partition_error_code))
        for name, step in steps:
            if failed[1]:
                break
            failed = (name, step())
        end = self.wire.call(
            EndTxnRequest(version=3, **named, committed=not failed[1]), EndTxnResponse
        )
        if failed[1]:
            return failed
        return ("EndTxn", int(end.error_code)) if end.error_code else ("", 0)

    def _add_offsets(self, named: dict[str, Any], group: str) -> int:
        answer = self.wire.call(
            AddOffsetsToTxnRequest(version=3, **named, group_id=group), AddOffsetsToTxnResponse
        )
        return int(answer.error_code)

    def _txn_commit(self, named: dict[str, Any], group: str, topic: str) -> int:
        kind = TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic
        part = kind.TxnOffsetCommitRequestPartition(
            partition_index=0, committed_offset=0, committed_leader_epoch=-1, committed_metadata=""
        )
        answer = self.wire.call(
            TxnOffsetCommitRequest(
                version=3,
                **named,
                group_id=group,
                generation_id=-1,
                member_id="",
                group_instance_id=None,
                topics=[kind(name=topic, partitions=[part])],
            ),
            TxnOffsetCommitResponse,
        )
        return int(answer.topics[0].partitions[0].error_code)

    # -- the cluster ----------------------------------------------------------------------

    def _create_acl(self, name: str) -> int:
        """A rule about nobody and nothing; whoever may add it may give away everything."""
        rule = Acl(f"nobody-{secrets.token_hex(8)}", "GROUP", "nothing", "DESCRIBE", deny=True)
        answer = self.wire.call(
            CreateAclsRequest(
                version=2, creations=[CreateAclsRequest.AclCreation(**rule.fields())]
            ),
            CreateAclsResponse,
        )
        return int(answer.results[0].error_code)

    def _describe_acls(self, name: str) -> int:
        answer = self.wire.call(
            DescribeAclsRequest(
                version=2,
                resource_type_filter=3,
                resource_name_filter="nothing",
                pattern_type_filter=3,
                principal_filter="User:nobody",
                host_filter=None,
                operation=1,
                permission_type=1,
            ),
            DescribeAclsResponse,
        )
        return int(answer.error_code)
