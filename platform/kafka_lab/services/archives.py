"""What services are made of, fetched by checksum, unpacked once into the cache."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from kafka_lab.runtime import maven
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.locks import locked
from kafka_lab.runtime.paths import cache_dir


def locked_artifacts(name: str) -> list[maven.Artifact]:
    """The artifacts of one of the lock files beside this module."""
    return maven.read_lock(files(__package__).joinpath("locks", f"{name}.lock").read_text())


def every_artifact() -> list[maven.Artifact]:
    """All that the services are made of, whichever exercise uses them."""
    names = [f.name for f in files(__package__).joinpath("locks").iterdir()]
    locks = sorted(n.removesuffix(".lock") for n in names if n.endswith(".lock"))
    return [artifact for name in locks for artifact in locked_artifacts(name)]


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made once by ``make`` in a folder that is then renamed.

    Safe with two at once. Raises ``LabError`` when it cannot be made.
    """
    folder = cache_dir() / "services" / name
    if folder.exists():
        return folder
    with locked(folder.parent / f"{name}.lock"):
        if not folder.exists():
            work = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=folder.parent))
            try:
                make(work)
                work.rename(folder)
            except (OSError, tarfile.TarError) as e:
                raise LabError(f"cannot make {folder}: {e}", "make room in the cache") from e
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return folder


def unpack(artifact: maven.Artifact, target: Path, say: Callable[[str], None]) -> None:
    """Fetch a tar archive and unpack it, or copy a jar; ``say`` hears of each MB.

    Raises:
        LabError: when it cannot be fetched.
        OSError, tarfile.TarError: when it cannot be unpacked.
    """

    def heard(name: str, done: int, total: int) -> None:
        of = f"{done >> 20}/{total >> 20} MB" if total else f"{done >> 20} MB"
        say(f"fetching {name} ({of})")

    [archive] = maven.fetch([artifact], heard=heard)
    if artifact.extension == "jar":
        shutil.copy(archive, target)
        return
    with tarfile.open(archive) as tar:
        # Python 3.11.4 has the filter; before it, the checksum has to do.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(target, **safe)  # type: ignore[arg-type]
