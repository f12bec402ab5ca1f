"""What ``schema-compatibility`` says of a CI workflow: sound ones pass, each flaw is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .checker import MODULES, ROOT

workflow = MODULES["workflow"]
SOUND = (
    ROOT / "solutions" / "schema-compatibility" / "python" / ".github/workflows/schemas.yml"
).read_text()


def read(tmp_path: Path, text: str | bytes) -> Any:
    path = tmp_path / workflow.PLACE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return workflow.read(tmp_path)


def test_a_sound_one(tmp_path: Path) -> None:
    found = read(tmp_path, SOUND)
    assert not found.troubles
    assert found.step.shell == ("bash", "-e")
    assert found.step.upload == "report.xml"
    assert found.step.env == {"SCHEMA_REGISTRY_URL": "${{ vars.SCHEMA_REGISTRY_URL }}"}
    assert (
        workflow.resolved(found.step.env["SCHEMA_REGISTRY_URL"], {"SCHEMA_REGISTRY_URL": "u"})
        == "u"
    )


def test_a_shell_that_is_named_has_pipefail(tmp_path: Path) -> None:
    named = SOUND.replace("- id: compatibility", "- id: compatibility\n        shell: bash")
    assert "pipefail" in read(tmp_path, named).step.shell
    default = SOUND.replace("jobs:", "defaults: {run: {shell: bash, working-directory: x}}\njobs:")
    step = read(tmp_path, default).step
    assert "pipefail" in step.shell
    assert step.folder == "x"


def test_none_at_all(tmp_path: Path) -> None:
    assert "no such file" in workflow.read(tmp_path).troubles[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("pull_request:", "workflow_dispatch:", "pull_request"),
        ("runs-on: ubuntu-latest", "name: x", "runs-on"),
        ("id: compatibility", "id: other", "0 steps"),
        ("run: pip", "id: compatibility\n        run: pip", "2 steps"),
        ("- id: compatibility", "- id: compatibility\n        continue-on-error: true", "continue"),
        ("    runs-on", "    continue-on-error: true\n    runs-on", "the job has continue"),
        ("- id: compatibility", "- id: compatibility\n        if: always()", "skipped"),
        ("actions/checkout@v4", "actions/cache@v4", "checkout"),
        ("actions/checkout@v4", "actions/checkout", "with a version"),
        ("        if: always()\n", "", "always()"),
        ("if: always()", "if: success()", "always()"),
        ("path: report.xml", "path: ../report.xml", "always()"),
        ("actions/upload-artifact@v4", "actions/cache@v4", "upload-artifact"),
        ("permissions:\n  contents: read", "name: x", "permissions"),
        ("contents: read", "contents: write", "contents: write"),
        ("vars.SCHEMA_REGISTRY_URL", "github.token", "vars.NAME"),
        ("- id: compatibility", "- id: compatibility\n        shell: pwsh", "pwsh"),
        (
            "- id: compatibility",
            "- id: compatibility\n        working-directory: /tmp",
            "leads out",
        ),
        ("- id: compatibility", "- id: compatibility\n        uses: a/b@v1", "either uses or run"),
        ("jobs:", "jobs: 5\nrest:", "no mapping from names to jobs"),
        ("name: schemas", "\t- {", "not YAML"),
    ],
)
def test_each_flaw_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SOUND
    found = read(tmp_path, SOUND.replace(old, new))
    assert any(said in trouble for trouble in found.troubles), found.troubles
    assert found.step is None
    assert all(finding.code == "workflow" for finding in found.findings)


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff\xfe", b"a" * (1 << 17), b"jobs: {a: 1}\n"])
def test_whatever_is_there(tmp_path: Path, text: bytes) -> None:
    assert read(tmp_path, text).troubles


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real.yml").write_text(SOUND)
    path = tmp_path / workflow.PLACE
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "real.yml")
    assert "no such file" in workflow.read(tmp_path).troubles[0]
