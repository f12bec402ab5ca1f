from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from kafka_lab.runtime import paths
from kafka_lab.runtime.errors import LabError


@pytest.mark.parametrize(
    ("variable", "find", "below"),
    [
        ("KAFKA_LAB_CACHE", paths.cache_dir, ""),
        ("KAFKA_LAB_HOME", paths.data_dir, ""),
        ("KAFKA_LAB_HOME", paths.state_dir, "running"),
        ("KAFKA_LAB_SCRATCH", paths.scratch_root, ""),
    ],
)
def test_variables_override(
    variable: str,
    find: object,
    below: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert callable(find)
    chosen = tmp_path / "deep" / "er"
    monkeypatch.setenv(variable, str(chosen))
    assert find() == chosen / below
    assert (chosen / below).is_dir()
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv(variable, str(in_the_way / "below"))
    with pytest.raises(LabError, match="cannot create the folder") as caught:
        find()
    assert variable in caught.value.fix


def test_defaults_are_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("KAFKA_LAB_CACHE", "KAFKA_LAB_HOME"):
        monkeypatch.setenv(variable, "")
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda n: tmp_path / "cache" / n)
    monkeypatch.setattr(platformdirs, "user_data_path", lambda n: tmp_path / "data" / n)
    assert paths.cache_dir() == tmp_path / "cache" / "kafka-lab"
    assert paths.data_dir() == tmp_path / "data" / "kafka-lab"


def test_scratch_falls_back_to_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_LAB_SCRATCH")
    monkeypatch.setenv("KAFKA_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(paths.os, "access", lambda path, mode: False)
    assert paths.scratch_root() == tmp_path / "scratch"


def test_bundled_rooms() -> None:
    assert (paths.bundled("exercises") / "transactions" / "exercise.toml").is_file()
    with pytest.raises(LabError, match="has no nonsense"):
        paths.bundled("nonsense")
