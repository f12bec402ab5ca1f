"""A class-data archive for a set of libraries, so that Java programs start sooner.

A check starts a program a dozen times, and each start loads some 3,000 classes. A static archive
(JEP 310, "Application Class-Data Sharing") of the libraries' classes holds them parsed and
verified. It belongs to the set of libraries, not to the program, so an edit does not make it
anew. Where it was tried, a program sent its first request 0.3 s after its start instead of 0.6 s,
and ended its first transaction after 0.65 s instead of 1.1 s (medians of 5). It is only ever a
help: without it a program runs the same.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from kafka_lab.programs.toolchains.base import Say
from kafka_lab.programs.toolchains.java_libraries import Libraries
from kafka_lab.programs.toolchains.jdk import Jdk
from kafka_lab.runtime.locks import locked

_TRAINER = """
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Trainer {
    public static void main(String[] args) throws Exception {
        Properties config = new Properties();
        config.put("bootstrap.servers", "127.0.0.1:1"); // nobody listens there
        config.put("security.protocol", "SASL_PLAINTEXT");
        config.put("sasl.mechanism", "PLAIN");
        config.put("sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule"
                + " required username=\\"a\\" password=\\"b\\";");
        config.put("group.id", "trainer");
        config.put("transactional.id", "trainer");
        config.put("max.block.ms", "300");
        try (var consumer = new KafkaConsumer<>(
                     config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
             var producer = new KafkaProducer<>(
                     config, new ByteArraySerializer(), new ByteArraySerializer())) {
            consumer.subscribe(List.of("trainer"));
            consumer.poll(Duration.ofMillis(200));
            producer.initTransactions();
        } catch (Exception expected) {
            // a timeout: the classes are loaded, which is all that is wanted
        }
        for (String name : List.of("com.fasterxml.jackson.databind.ObjectMapper",
                "com.google.gson.Gson")) {
            try {
                Class.forName(name).getDeclaredConstructor().newInstance();
            } catch (Throwable absent) {
                // not a library of this program
            }
        }
        System.exit(0);
    }
}
"""


def archive(jdk: Jdk, flags: tuple[str, ...], libraries: Libraries, say: Say) -> Path | None:
    """The archive for these libraries on this JDK, made if need be; None if it cannot be had.

    ``flags`` are those that programs run with: heap and collector must be the same.
    """
    identity = hashlib.sha256(repr((str(jdk.home), jdk.release, flags)).encode()).hexdigest()[:12]
    target = libraries.folder / f"{identity}.jsa"
    given_up = target.with_suffix(".failed")
    try:
        # The JVM turns an archive down, silently, when a jar is newer: one that was fetched anew.
        newest = max(jar.stat().st_mtime for jar in libraries.jars) if libraries.jars else 0.0
        with locked(target.with_suffix(".lock")):
            for made in (target, given_up):
                if made.exists() and made.stat().st_mtime >= newest:
                    return target if made is target else None
            if not any(jar.name.startswith("kafka-clients-") for jar in libraries.jars):
                return None
            say("preparing a quick start with these libraries (once)")
            problem = _make(jdk, flags, libraries, target)
            if problem:
                given_up.write_text(problem, encoding="utf-8")
                return None
            return target
    except OSError:
        return None


def _make(jdk: Jdk, flags: tuple[str, ...], libraries: Libraries, target: Path) -> str:
    """Make the archive in place. Returns why it did not work, or nothing."""
    class_path = os.pathsep.join(str(jar) for jar in libraries.jars)
    with_trainer = f"{class_path}{os.pathsep}."
    java = (str(jdk.java), *flags)
    into = ("-XX:SharedArchiveFile=libraries.jsa",)
    with tempfile.TemporaryDirectory(dir=target.parent) as made:
        folder = Path(made)
        (folder / "Trainer.java").write_text(_TRAINER, encoding="utf-8")
        steps = (
            [str(jdk.javac), "-proc:none", "-d", ".", "-cp", class_path, "Trainer.java"],
            [*java, "-XX:DumpLoadedClassList=all.list", "-cp", with_trainer, "Trainer"],
            [*java, "-Xshare:dump", "-XX:SharedClassListFile=some.list", *into, "-cp", class_path],
        )
        for step in steps:
            if step is steps[-1]:  # the trainer is no part of any program's class path
                lines = (folder / "all.list").read_text(encoding="utf-8").splitlines(keepends=True)
                (folder / "some.list").write_text("".join(x for x in lines if "Trainer" not in x))
            try:
                done = subprocess.run(
                    step, cwd=folder, capture_output=True, text=True, timeout=90, check=False
                )
            except subprocess.TimeoutExpired:
                return f"timed out: {step[0]}"
            if done.returncode != 0:
                return done.stdout + done.stderr
        (folder / "libraries.jsa").replace(target)
    return ""
