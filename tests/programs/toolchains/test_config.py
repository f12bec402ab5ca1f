"""The config track: what a script finds on its path, and whose fault a failure is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kafka_lab.clusters.admin import Acl, Admin
from kafka_lab.clusters.base import Cluster
from kafka_lab.faults.relay import Relay
from kafka_lab.programs.contract import client_properties, kafka_variables
from kafka_lab.programs.toolchains.base import Built
from kafka_lab.programs.toolchains.config import ConfigToolchain
from kafka_lab.programs.toolchains.kafka_tools import _TRAINING, TOOLS
from kafka_lab.programs.toolchains.tool_training import stand_in
from kafka_lab.runtime.errors import BuildFailed


def build(folder: Path, text: str) -> Built:
    (folder / "rules.sh").write_text(text)
    return ConfigToolchain().build(folder, "rules.sh", lambda words: None)


def run(built: Built, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    env = {"LANG": "C.UTF-8", **built.env, **env}
    return subprocess.run(
        built.argv, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=120
    )


def test_a_script_has_kafkas_tools(tmp_path: Path) -> None:
    names = " ".join(TOOLS)
    built = build(tmp_path, f"for tool in {names}; do command -v $tool || exit 3; done\n")
    done = run(built, tmp_path)
    assert done.returncode == 0, done.stderr
    [folder] = {str(Path(line).parent) for line in done.stdout.split()}
    assert str(built.editor["kafka-tools"]) == folder
    assert built.dialect == "java"
    for path in built.reads:
        assert path.exists()
    # A sandbox shows only what is read: the Java that a tool names has to be among it.
    program = (built.editor["kafka-tools"] / "kafka-acls.sh").read_text().split()[2]
    assert any(Path(program).is_relative_to(path) for path in built.reads), program


def test_the_tools_talk_to_a_cluster(
    tmp_path: Path, cluster: Cluster, admin: Admin, relay: Relay
) -> None:
    admin.allow([Acl("program-5", "CLUSTER", "kafka-cluster", "ALTER")])
    config = tmp_path / "client.properties"
    variables = kafka_variables(cluster, "program-5")
    config.write_text(client_properties(variables, "java"))
    built = build(
        tmp_path,
        'kafka-acls.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --command-config "$CONFIG" '
        "--add --allow-principal User:someone --operation AlterConfigs --topic t-config\n",
    )
    done = run(built, tmp_path, CONFIG=str(config), **variables)
    assert done.returncode == 0, done.stderr + done.stdout
    assert admin.rules("someone") == [Acl("someone", "TOPIC", "t-config", "ALTER_CONFIGS")]
    admin.disallow([Acl("program-5", "CLUSTER", "kafka-cluster", "ALTER")])
    refused = run(built, tmp_path, CONFIG=str(config), **variables)
    assert refused.returncode != 0
    assert "ClusterAuthorizationException" in refused.stderr + refused.stdout


def test_the_tools_are_trained_by_a_run_that_finds_somebody(tmp_path: Path) -> None:
    config = tmp_path / "client.properties"
    config.write_text(_TRAINING)
    with stand_in() as port:
        built = build(
            tmp_path,
            f"kafka-acls.sh --bootstrap-server 127.0.0.1:{port} --command-config {config.name} "
            "--add --allow-principal User:a --operation Read --topic t\n",
        )
        done = run(built, tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Adding ACLs" in done.stdout


def test_what_bash_cannot_read_is_said_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"rules.sh: line 2"):
        build(tmp_path, "if true; then\n")


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="keep its name"):
        ConfigToolchain().build(tmp_path, "rules.sh", lambda words: None)


def test_another_content_is_another_build(tmp_path: Path) -> None:
    first = build(tmp_path, "exit 0\n").fingerprint
    assert build(tmp_path, "exit 0\n").fingerprint == first
    (tmp_path / "rules.tsv").write_text("a\tb\n")
    assert build(tmp_path, "exit 0\n").fingerprint != first


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ConfigToolchain().missing() == []
    monkeypatch.setenv("PATH", os.devnull)
    assert [m.tool for m in ConfigToolchain().missing()] == ["bash"]
