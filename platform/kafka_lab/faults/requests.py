"""What the relay knows of one Kafka request: its header, and the facts that graders ask about."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kafka.protocol.consumer.group import OffsetCommitRequest, OffsetCommitResponse
from kafka.protocol.producer import ProduceRequest, ProduceResponse
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
from kafka.protocol.sasl import SaslAuthenticateRequest

# Kafka protocol, "Api Keys".
API_NAMES = {
    0: "Produce",
    1: "Fetch",
    2: "ListOffsets",
    3: "Metadata",
    8: "OffsetCommit",
    9: "OffsetFetch",
    10: "FindCoordinator",
    11: "JoinGroup",
    12: "Heartbeat",
    13: "LeaveGroup",
    14: "SyncGroup",
    17: "SaslHandshake",
    18: "ApiVersions",
    19: "CreateTopics",
    20: "DeleteTopics",
    22: "InitProducerId",
    23: "OffsetForLeaderEpoch",
    24: "AddPartitionsToTxn",
    25: "AddOffsetsToTxn",
    26: "EndTxn",
    28: "TxnOffsetCommit",
    29: "DescribeAcls",
    30: "CreateAcls",
    31: "DeleteAcls",
    36: "SaslAuthenticate",
    68: "ConsumerGroupHeartbeat",
}
QUIET = frozenset({"Fetch", "Heartbeat", "ConsumerGroupHeartbeat", "Metadata", "ApiVersions"})
"""Requests that clients repeat for ever: they would drown the event log."""


@dataclass
class Request:
    """One request seen by the relay. ``facts`` depends on the api; see ``_FACTS``."""

    api_key: int
    version: int
    correlation_id: int
    client_id: str
    size: int
    broker: int
    principal: str = ""
    connection: int = 0
    """Counts the connections that the relay accepted, from 1."""
    facts: dict[str, Any] = field(default_factory=dict)
    time: float = 0.0
    answered: float = 0.0
    """When the broker's answer came, 0 if it has not."""
    error: int | None = None
    """The answer's (first non-zero) error code where it was decoded."""
    answer: dict[str, Any] = field(default_factory=dict)
    """More facts of the answer; see ``_ANSWERS``."""

    @property
    def api(self) -> str:
        return API_NAMES.get(self.api_key, str(self.api_key))


def _string(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


_BATCH = struct.Struct(">qiibIhiqqqhii")
"""Kafka protocol, "Record Batch": the header, up to the number of records."""


def _batches(data: bytes) -> tuple[int, int, int]:
    """Records, producer id and epoch in a partition's batches; only headers are read."""
    count, at, producer, epoch = 0, 0, -1, -1
    while at + _BATCH.size <= len(data):
        head = _BATCH.unpack_from(data, at)
        if head[3] != 2:  # magic: older formats have no such header
            break
        producer, epoch = head[9], head[10]
        count += head[12]
        at += 12 + head[1]
    return count, producer, epoch


def _produce(raw: Any) -> dict[str, Any]:
    topics: list[list[Any]] = []
    counts = []
    producer = epoch = -1
    for t in raw.topic_data:
        name = t.name or str(t.topic_id)
        for p in t.partition_data:
            topics.append([name, p.index])
            # A null is legal; a memory view is what a large frame's decoder may give.
            count, producer, epoch = _batches(p.records or b"")
            counts.append(count)
    return {
        "transactional_id": raw.transactional_id,
        "acks": raw.acks,
        "partitions": topics,
        "records": counts,
        "producer_id": producer,
        "producer_epoch": epoch,
    }


def _offsets(raw: Any) -> list[list[Any]]:
    return [
        [t.name or str(t.topic_id), p.partition_index, p.committed_offset]
        for t in raw.topics
        for p in t.partitions
    ]


_FACTS: dict[int, tuple[Any, Callable[[Any], dict[str, Any]]]] = {
    0: (ProduceRequest, _produce),
    8: (OffsetCommitRequest, lambda r: {"group": r.group_id, "offsets": _offsets(r)}),
    22: (InitProducerIdRequest, lambda r: {"transactional_id": r.transactional_id}),
    24: (
        AddPartitionsToTxnRequest,
        lambda r: {"transactional_id": r.v3_and_below_transactional_id},
    ),
    25: (
        AddOffsetsToTxnRequest,
        lambda r: {"transactional_id": r.transactional_id, "group": r.group_id},
    ),
    26: (
        EndTxnRequest,
        lambda r: {"transactional_id": r.transactional_id, "committed": bool(r.committed)},
    ),
    28: (
        TxnOffsetCommitRequest,
        lambda r: {
            "transactional_id": r.transactional_id,
            "group": r.group_id,
            "offsets": _offsets(r),
        },
    ),
}


def _produce_error(raw: Any) -> int:
    codes = [p.error_code for t in raw.responses for p in t.partition_responses]
    return next((c for c in codes if c), 0)


def _offset_error(raw: Any) -> int:
    codes = [p.error_code for t in raw.topics for p in t.partitions]
    return next((c for c in codes if c), 0)


def _partitions_error(raw: Any) -> int:
    codes = [
        p.partition_error_code
        for t in raw.results_by_topic_v3_and_below
        for p in t.results_by_partition
    ]
    # 55, OPERATION_NOT_ATTEMPTED, says only that another partition was refused.
    return next((c for c in codes if c not in (0, 55)), 0)


_ERRORS: dict[int, tuple[Any, Callable[[Any], int]]] = {
    0: (ProduceResponse, _produce_error),
    8: (OffsetCommitResponse, _offset_error),
    22: (InitProducerIdResponse, lambda r: int(r.error_code)),
    24: (AddPartitionsToTxnResponse, _partitions_error),
    25: (AddOffsetsToTxnResponse, lambda r: int(r.error_code)),
    26: (EndTxnResponse, lambda r: int(r.error_code)),
    28: (TxnOffsetCommitResponse, _offset_error),
}


def parse_request(frame: bytes, broker: int) -> Request:
    """From a whole frame without its length. Facts are empty where the body cannot be decoded.

    Raises:
        ValueError: when not even the header can be read: not the Kafka protocol.
    """
    try:
        api_key, version, correlation, length = struct.unpack_from(">hhih", frame)
    except struct.error as e:
        raise ValueError("a frame that is no Kafka request") from e
    client = frame[10 : 10 + length].decode("utf-8", "replace") if length > 0 else ""
    request = Request(api_key, version, correlation, client, len(frame), broker)
    decoder = _FACTS.get(api_key)
    if decoder:
        # A newer client may speak a version that the library does not know: the header is enough.
        with contextlib.suppress(Exception):
            request.facts = decoder[1](decoder[0].decode(frame, version=version, header=True))
    return request


_BEARER = re.compile(rb"\x01auth=Bearer [\w-]+\.([\w-]+)\.")


def _subject(payload: bytes) -> str:
    """``sub`` of a signed token's payload; the broker judges whether it is valid."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except ValueError:
        return ""
    found = claims.get("sub") if isinstance(claims, dict) else None
    return found if isinstance(found, str) else ""


def sasl_username(frame: bytes, version: int) -> str:
    """The user of a SaslAuthenticate request: PLAIN (RFC 4616), SCRAM's first message, the subject
    of an OAUTHBEARER token (RFC 7628). A Kerberos ticket is sealed: empty."""
    try:
        token = bytes(
            SaslAuthenticateRequest.decode(frame, version=version, header=True).auth_bytes
        )
    except Exception:
        return ""
    if found := _BEARER.search(token):
        return _subject(found[1])
    if token.count(b"\0") >= 2:
        return token.split(b"\0")[1].decode("utf-8", "replace")
    for part in token.split(b","):
        if part.startswith(b"n="):
            return part[2:].decode("utf-8", "replace")
    return ""


_ANSWERS: dict[int, Callable[[Any], dict[str, Any]]] = {
    # With their names: a broker need not answer in the request's order.
    0: lambda r: {
        "base_offsets": [
            [t.name or str(t.topic_id), p.index, p.base_offset]
            for t in r.responses
            for p in t.partition_responses
        ]
    },
    22: lambda r: {"producer_id": r.producer_id, "producer_epoch": r.producer_epoch},
}


def read_response(request: Request, frame: bytes) -> None:
    """Put the answer's error code and facts into ``request``, where they can be decoded."""
    decoder = _ERRORS.get(request.api_key)
    if decoder is None:
        return
    with contextlib.suppress(Exception):
        raw = decoder[0].decode(frame, version=request.version, header=True)
        request.error = decoder[1](raw)
        more = _ANSWERS.get(request.api_key)
        if more is not None:
            request.answer = more(raw)
