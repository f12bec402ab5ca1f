"""The grader's murmur2 against the vectors of Kafka's own tests, and against the Java client."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from kafka_lab.programs.toolchains.base import Missing
from kafka_lab.programs.toolchains.java import JavaToolchain
from kafka_lab.programs.toolchains.jdk import find_jdk

from .grader import ROOT, load

murmur2, items = load("murmur2", "items")

# org.apache.kafka.common.utils.UtilsTest.testMurmur2: Java's signed numbers.
PUBLISHED = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}

ORACLE = """
import java.util.HexFormat;
import java.util.Scanner;
import org.apache.kafka.common.utils.Utils;

public final class Oracle {
    public static void main(String[] args) {
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            byte[] key = HexFormat.of().parseHex(lines.nextLine());
            int hash = Utils.murmur2(key);
            System.out.println(hash + " " + Utils.toPositive(hash) % 7);
        }
    }
}
"""


def signed(number: int) -> int:
    return number - (1 << 32) if number >> 31 else number


@pytest.mark.parametrize("key", PUBLISHED, ids=lambda key: key.decode())
def test_published_vectors(key: bytes) -> None:
    assert signed(murmur2.murmur2(key)) == PUBLISHED[key]


def test_the_table_of_the_brief() -> None:
    guide = (ROOT / "exercises" / "partitioning" / "guide.md").read_text()
    keys = {
        "the empty key": b"",
        "`21`": b"21",
        "`foobar`": b"foobar",
        "`Grüße` (7 bytes)": "Grüße".encode(),
        "the bytes `ff fe fd`": b"\xff\xfe\xfd",
        "`a`, 1000 times": b"a" * 1000,
    }
    for name, key in keys.items():
        number = signed(murmur2.murmur2(key))
        place, rest = murmur2.partition(key, 6), 2 + murmur2.partition(key, 4)
        assert f"| {name} | {number} | {place} | {rest} |" in guide


@pytest.mark.skipif(
    isinstance(find_jdk(), Missing), reason="there is no javac 17 or newer on this machine"
)
def test_the_java_client_says_the_same(tmp_path: Path) -> None:
    solution = ROOT / "solutions" / "transactions" / "java"
    for name in ("dependencies.txt", "dependencies.lock"):
        shutil.copy(solution / name, tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "Oracle.java").write_text(ORACLE)
    built = JavaToolchain().build(tmp_path, "Oracle", lambda text: None)

    rng = Random(7)
    keys = items.Mint(rng).keys(2000) + [rng.randbytes(n) for n in range(64)]
    answer = subprocess.run(
        built.argv,
        input="\n".join(key.hex() for key in keys) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    expected = [f"{signed(murmur2.murmur2(k))} {murmur2.partition(k, 7)}" for k in keys]
    assert answer.stdout.splitlines() == expected
