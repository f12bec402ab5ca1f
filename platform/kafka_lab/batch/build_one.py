"""A build under the student's user: ``python -m kafka_lab.batch.build_one``.

Build scripts are code. So in a container where programs have a user of their own, they are built by
that user, in a cache of their own; what comes out is only ever run by that user.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import kafka_lab
from kafka_lab.programs.own_user import command, give
from kafka_lab.programs.toolchains.base import Built, Missing, Say, Toolchain
from kafka_lab.runtime.errors import BuildFailed, LabError
from kafka_lab.runtime.paths import data_dir

_LIMIT = 600.0
_PASSED_ON = ("PIP_", "GO", "JAVA_HOME", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")
"""Variables by which an installation is told where libraries come from."""


class UserToolchain:
    """Another toolchain, run by the student's user."""

    def __init__(self, inner: Toolchain, name: str) -> None:
        self.language = inner.language
        self._inner = inner
        self._name = name

    def missing(self) -> list[Missing]:
        return self._inner.missing()

    def build(self, source: Path, entry: str, say: Say) -> Built:
        cache = data_dir() / f"build-cache-{self._name}"
        if not cache.exists():
            (cache / "home").mkdir(parents=True)
            give(self._name, cache)
        give(self._name, source)
        say("building the program")
        env = {k: v for k, v in os.environ.items() if k.startswith(_PASSED_ON)}
        env |= {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(Path(kafka_lab.__file__).resolve().parent.parent),
            "HOME": str(cache),
            "KAFKA_LAB_CACHE": str(cache),
            "KAFKA_LAB_HOME": str(cache / "home"),
            "LANG": "C.UTF-8",
        }
        order = {"language": self.language, "source": str(source), "entry": entry}
        argv = [sys.executable, "-P", "-m", "kafka_lab.batch.build_one"]
        try:
            done = subprocess.run(
                command(self._name, argv, env),
                input=json.dumps(order),
                env={"PATH": os.defpath},
                cwd=source,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as e:
            raise BuildFailed(f"the build did not come to its end within {_LIMIT:.0f} s") from e
        return _built(done.stdout, done.stderr)


def _built(out: str, err: str) -> Built:
    """What the child says; it may say anything."""
    try:
        raw: Any = json.loads(out.splitlines()[-1])
        if "failed" in raw:
            raise BuildFailed(str(raw["failed"]))
        if "broken" in raw:
            raise LabError(str(raw["broken"]))
        return Built(
            argv=tuple(map(str, raw["argv"])),
            env={str(k): str(v) for k, v in dict(raw["env"]).items()},
            dialect=str(raw["dialect"]),
            fingerprint=str(raw["fingerprint"]),
        )
    except (ValueError, IndexError, KeyError, TypeError):
        raise LabError(f"the build said nothing: {err.strip()[-400:]}", "try again") from None


def main() -> None:
    from kafka_lab import wiring

    raw = json.load(sys.stdin)
    said: dict[str, Any]
    try:
        found = wiring.toolchain(raw["language"])
        built = found.build(Path(raw["source"]), raw["entry"], lambda text: None)
        said = {
            "argv": list(built.argv),
            "env": dict(built.env),
            "dialect": built.dialect,
            "fingerprint": built.fingerprint,
        }
    except BuildFailed as e:
        said = {"failed": e.output}
    except LabError as e:
        said = {"broken": f"{e.what} {e.fix}".strip()}
    print(json.dumps(said))


if __name__ == "__main__":
    main()
