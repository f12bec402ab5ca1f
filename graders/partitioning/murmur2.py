"""The hash with which Kafka's Java client turns a key into a partition.

Written from ``org.apache.kafka.common.utils.Utils.murmur2``: the 32-bit MurmurHash2 of Austin
Appleby with the seed 0x9747b28c. The Java client counts in signed numbers and then clears the sign
bit; here everything is unsigned, so that the same bit is cleared by a mask.
"""

from __future__ import annotations

_M = 0x5BD1E995
_SEED = 0x9747B28C
_32 = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The hash as an unsigned 32-bit number (Java shows the same bits as a signed one)."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _32
        k ^= k >> 24
        h = (h * _M & _32) ^ (k * _M & _32)
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _32
    h ^= h >> 13
    h = h * _M & _32
    return h ^ (h >> 15)


def partition(key: bytes, partitions: int) -> int:
    """``Utils.toPositive(Utils.murmur2(key)) % partitions``; an empty key is a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
