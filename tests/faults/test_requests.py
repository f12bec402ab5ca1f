"""What is read out of a request, and that nothing that a program sends can break the reading."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.protocol.consumer.group import OffsetCommitRequest
from kafka.protocol.producer.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
)
from kafka.protocol.sasl import SaslAuthenticateRequest

from kafka_lab.faults.requests import Request, parse_request, read_response, sasl_username


def frame(made: Any) -> bytes:
    made.with_header(correlation_id=12, client_id="me")
    return bytes(made.encode(header=True, framed=False))


def offsets(kind: Any, name: str) -> list[Any]:
    topic = getattr(kind, name)
    partition = next(v for k, v in vars(topic).items() if k.endswith("Partition"))
    return [
        topic(
            name="orders",
            partitions=[
                partition(partition_index=2, committed_offset=40, committed_metadata=""),
            ],
        )
    ]


CASES = [
    (
        InitProducerIdRequest(
            version=4,
            transactional_id="pay",
            transaction_timeout_ms=1,
            producer_id=-1,
            producer_epoch=-1,
        ),
        {"transactional_id": "pay"},
    ),
    (
        AddOffsetsToTxnRequest(
            version=3, transactional_id="pay", producer_id=1, producer_epoch=0, group_id="g"
        ),
        {"transactional_id": "pay", "group": "g"},
    ),
    (
        AddPartitionsToTxnRequest(
            version=3,
            v3_and_below_transactional_id="pay",
            v3_and_below_producer_id=1,
            v3_and_below_producer_epoch=0,
            v3_and_below_topics=[],
        ),
        {"transactional_id": "pay"},
    ),
    (
        TxnOffsetCommitRequest(
            version=3,
            transactional_id="pay",
            group_id="g",
            producer_id=1,
            producer_epoch=0,
            generation_id=1,
            member_id="m",
            group_instance_id=None,
            topics=offsets(TxnOffsetCommitRequest, "TxnOffsetCommitRequestTopic"),
        ),
        {"transactional_id": "pay", "group": "g", "offsets": [["orders", 2, 40]]},
    ),
    (
        OffsetCommitRequest(
            version=8,
            group_id="g",
            generation_id_or_member_epoch=1,
            member_id="m",
            group_instance_id=None,
            topics=offsets(OffsetCommitRequest, "OffsetCommitRequestTopic"),
        ),
        {"group": "g", "offsets": [["orders", 2, 40]]},
    ),
]


@pytest.mark.parametrize(("made", "facts"), CASES, ids=lambda c: type(c).__name__)
def test_the_facts_of_each_kind(made: Any, facts: dict[str, Any]) -> None:
    seen = parse_request(frame(made), broker=3)
    assert seen.facts == facts
    assert (seen.correlation_id, seen.client_id, seen.broker) == (12, "me", 3)
    assert seen.version == made.API_VERSION


def test_a_version_that_nobody_knows_leaves_the_header() -> None:
    whole = struct.pack(">hhih", 26, 99, 7, 2) + b"me" + b"\0" * 40
    seen = parse_request(whole, 1)
    assert (seen.api, seen.version, seen.correlation_id, seen.facts) == ("EndTxn", 99, 7, {})


@pytest.mark.parametrize("length", [-1, 0])
def test_a_client_without_a_name(length: int) -> None:
    assert parse_request(struct.pack(">hhih", 3, 0, 7, length), 1).client_id == ""


def test_an_error_of_one_partition_among_others() -> None:
    result = AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult
    partition = result.AddPartitionsToTxnPartitionResult
    made = AddPartitionsToTxnResponse(
        version=3,
        throttle_time_ms=0,
        results_by_topic_v3_and_below=[
            result(
                name="orders",
                results_by_partition=[
                    # 55: not attempted, because of the other one
                    partition(partition_index=0, partition_error_code=55),
                    partition(partition_index=1, partition_error_code=29),
                ],
            )
        ],
    )
    asked = Request(24, 3, 12, "me", 0, 1)
    read_response(asked, frame(made))
    assert asked.error == 29


def test_an_answer_that_is_cut_short_has_no_error() -> None:
    for api, answer in ((26, b"\0\0\0\x0c\0"), (3, b"\0\0\0\x0c")):
        asked = Request(api, 1, 12, "me", 0, 1)
        read_response(asked, answer)
        assert (asked.error, asked.answer) == (None, {})


@pytest.mark.parametrize(
    ("token", "user"),
    [
        (b"\0alice\0secret", "alice"),
        (b"admin\0alice\0secret", "alice"),
        (b"n,,n=bob,r=fyko+d2lbbFgONRv9qkxdawL", "bob"),
        (b"c=biws,r=fyko,p=v0X8v3", ""),
        (b"n,,\x01auth=Bearer e30.eyJzdWIiOiJjYXJvbCJ9.c2ln\x01\x01", "carol"),
        (b"n,,\x01auth=Bearer e30.W10.c2ln\x01\x01", ""),
        (b"n,,\x01auth=Bearer e30.____.c2ln\x01\x01", ""),
        (b"n,,\x01auth=Bearer e30.eyJzdWIiOjF9.c2ln\x01\x01", ""),
        (b"", ""),
    ],
)
def test_who_logs_in(token: bytes, user: str) -> None:
    made = SaslAuthenticateRequest(version=2, auth_bytes=token)
    assert sasl_username(frame(made), 2) == user


def test_who_logs_in_with_garbage() -> None:
    assert sasl_username(b"\0\x24\0\x02garbage", 2) == ""


@given(st.binary(max_size=200), st.sampled_from([0, 8, 22, 24, 25, 26, 28, 36]), st.integers(0, 12))
def test_no_bytes_break_it(body: bytes, api: int, version: int) -> None:
    whole = struct.pack(">hhih", api, version, 1, 0) + body
    seen = parse_request(whole, 1)
    assert seen.size == len(whole)
    assert isinstance(sasl_username(whole, version), str)
    read_response(seen, body)
    assert seen.error is None or isinstance(seen.error, int)


@given(st.binary(max_size=9))
def test_less_than_a_header_is_refused(whole: bytes) -> None:
    with pytest.raises(ValueError, match="no Kafka request"):
        parse_request(whole, 1)
