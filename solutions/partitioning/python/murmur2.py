"""Kafka's default hash for keys, as the Java client computes it (Utils.murmur2)."""

MASK = 0xFFFFFFFF
M = 0x5BD1E995


def murmur2(key: bytes) -> int:
    """32-bit MurmurHash2 with Kafka's seed. Java's arithmetic wraps around: hence the masks."""
    h = 0x9747B28C ^ len(key)
    full = len(key) // 4 * 4
    for i in range(0, full, 4):
        k = int.from_bytes(key[i : i + 4], "little") * M & MASK
        k = (k ^ (k >> 24)) * M & MASK
        h = (h * M & MASK) ^ k
    if full < len(key):
        h = (h ^ int.from_bytes(key[full:], "little")) * M & MASK
    h = (h ^ (h >> 13)) * M & MASK
    return h ^ (h >> 15)


def positive(number: int) -> int:
    """Java's toPositive: the sign bit is cleared, which is not the same as the absolute value."""
    return number & 0x7FFFFFFF
