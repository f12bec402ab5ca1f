"""Layouts, archives and repositories; and what a submission must not hold."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kafka_lab.batch import reading
from kafka_lab.batch.course import Course
from kafka_lab.batch.identity import identical
from kafka_lab.batch.intake import Submission, file_name, take_in
from kafka_lab.runtime.errors import UsageError

Load = Callable[[str], Course]
Lay = Callable[..., Path]
ONE = 'title = "T"\nsecret_seed = "0123456789abcdef"\n[[exercises]]\nslug = "transactions"\n'
MARK = 'exercise = "transactions"\nlanguage = "python"\n'


def zipped(path: Path, members: dict[str, bytes | zipfile.ZipInfo]) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            if isinstance(data, zipfile.ZipInfo):
                file.writestr(data, b"/etc/passwd")
            else:
                file.writestr(name, data)
    return path


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
        + ["-C", str(folder), *arguments],
        check=True,
        capture_output=True,
        env=os.environ | {"GIT_COMMITTER_DATE": "2026-11-30T12:00:00Z"},
    )


def by_name(submissions: list[Submission]) -> dict[str, Submission]:
    return {s.name: s for s in submissions}


def refusal(submission: Submission) -> str:
    assert submission.refused is not None
    assert submission.files == {}
    return submission.refused.code


def test_every_layout_is_understood(course: Course, submissions: Path, solution: Lay) -> None:
    solution(submissions / "ada" / "transactions")
    solution(submissions / "ada" / "partitioning", "partitioning")
    work = solution(submissions / "bob" / "whatever")
    (work / ".kafka-lab.toml").write_text(MARK)
    # an archive of the whole folder, with the folder in it
    program = (work / "transfer_service.py").read_bytes()
    zipped(submissions / "cyd.zip", {"cyd/transactions/transfer_service.py": program})
    (submissions / "dan").mkdir()
    zipped(submissions / "dan" / "transactions.zip", {"transfer_service.py": program})
    repository = solution(submissions / "eve" / "transactions").parent
    git(repository, "init")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "x")
    (repository / "transactions" / "later.py").write_text("not committed")
    found = by_name(take_in(submissions, course).submissions)
    assert sorted(found) == [
        "ada/partitioning",
        "ada/transactions",
        "bob/transactions",
        "cyd/transactions",
        "dan/transactions",
        "eve/transactions",
    ]
    assert {s.refused for s in found.values()} == {None}
    assert {s.language for s in found.values()} == {"python"}
    assert all("transfer_service.py" in s.files for n, s in found.items() if "trans" in n)
    assert "later.py" not in found["eve/transactions"].files
    assert found["eve/transactions"].submitted == datetime(2026, 11, 30, 12, tzinfo=UTC)
    assert found["eve/transactions"].submitted_from == "the commit's date"


def test_the_only_exercise_needs_no_folder(load: Load, submissions: Path, solution: Lay) -> None:
    solution(submissions / "ada")
    zipped(submissions / "bob.zip", {"main.go": b"package main"})
    zipped(submissions / "cyd.zip", {"anything/main.go": b"package main"})
    found = by_name(take_in(submissions, load(ONE)).submissions)
    assert [(s.student, s.language) for s in found.values()] == [
        ("ada", "python"),
        ("bob", "go"),
        ("cyd", "go"),
    ]
    assert list(found["cyd/transactions"].files) == ["main.go"]


def test_a_roster_maps_names_and_says_who_is_missing(
    load: Load, submissions: Path, solution: Lay, tmp_path: Path
) -> None:
    (tmp_path / "roster.csv").write_text(
        "\ufeffstudent,name,submission,repository\n"
        's1,"Lovelace, Ada",*_4711_assignsubmission_file*,\ns2,Bob,,\n'
        f"s3,Eve,,{tmp_path}/elsewhere\n"
    )
    (tmp_path / "times.csv").write_text(
        "student,exercise,submitted\ns1,transactions,2026-12-02T01:00:00+01:00\n"
    )
    solution(submissions / "Ada Lovelace_4711_assignsubmission_file")
    solution(submissions / "mallory")
    repository = solution(tmp_path / "elsewhere")
    git(repository, "init")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "x")
    tables = 'roster = "roster.csv"\nsubmitted = "times.csv"\n'
    intake = take_in(submissions, load(tables + ONE))
    assert [s.student for s in intake.submissions] == ["s1", "s3"]
    assert [(s.id, s.name) for s in intake.students][:2] == [("s1", "Lovelace, Ada"), ("s2", "Bob")]
    assert intake.unmatched == ["'mallory'"]
    assert intake.submissions[0].submitted == datetime(2026, 12, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\nada\n", "no column 'student'"),
        ("student\nada\nada\n", "roster.csv:3: 'ada' is there twice"),
        ("student,name\nada,Lovelace,Ada\n", "more fields than columns"),
        ("student,name\n,Ada\n", "roster.csv:2: 'student' is empty"),
    ],
)
def test_a_bad_roster_names_file_line_and_column(
    load: Load, submissions: Path, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "roster.csv").write_text(text)
    with pytest.raises(UsageError, match=said):
        take_in(submissions, load('roster = "roster.csv"\n' + ONE))


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


BOMB = io.BytesIO()
with zipfile.ZipFile(BOMB, "w", zipfile.ZIP_DEFLATED) as _file:
    for _n in range(4):
        _file.writestr(f"{_n}.txt", bytes(reading.SIZE_LIMIT // 3))

NUL = io.BytesIO()
with zipfile.ZipFile(NUL, "w") as _file:
    _file.writestr("a.py_.txt", b"x")

ARCHIVES: dict[str, tuple[dict[str, bytes | zipfile.ZipInfo] | bytes, str]] = {
    "zip-slip": ({"a.py": b"", "../../../etc/cron.d/x": b"x"}, "path-escapes"),
    "absolute": ({"/etc/cron.d/x": b"x"}, "path-escapes"),
    "windows": ({"..\\..\\x": b"x"}, "path-escapes"),
    "drive": ({"C:x": b"x"}, "path-escapes"),
    "a link": ({"x": link("secrets.py")}, "link"),
    "a line break": ({"a\nb.py": b"x"}, "bad-name"),
    "an escape sequence": ({"\x1b[2J.py": b"x"}, "bad-name"),
    "a NUL": (NUL.getvalue().replace(b"a.py_.txt", b"a.py\0.txt"), "bad-name"),
    "a long name": ({"x" * 300: b"x"}, "bad-name"),
    "many files": ({f"{n}.py": b"" for n in range(reading.FILES_LIMIT + 1)}, "too-large"),
    "a bomb": (BOMB.getvalue(), "too-large"),
    "no archive": (b"PK\x03\x04 but not really", "bad-archive"),
    "nothing": ({}, "empty"),
}


@pytest.mark.parametrize(("members", "code"), ARCHIVES.values(), ids=list(ARCHIVES))
def test_what_an_archive_must_not_hold_is_a_named_failure(
    course: Course,
    submissions: Path,
    members: dict[str, bytes | zipfile.ZipInfo] | bytes,
    code: str,
) -> None:
    (submissions / "eve").mkdir()
    path = submissions / "eve" / "transactions.zip"
    if isinstance(members, bytes):
        path.write_bytes(members)
    else:
        zipped(path, members)
    before = sorted(submissions.rglob("*"))
    (found,) = take_in(submissions, course).submissions
    assert (found.student, found.exercise, refusal(found)) == ("eve", "transactions", code)
    assert found.refused is not None
    assert found.refused.message.isprintable()
    assert sorted(submissions.rglob("*")) == before


def test_an_archive_that_lies_about_its_sizes_is_not_believed(
    course: Course, submissions: Path
) -> None:
    data = bytearray(BOMB.getvalue())
    size = (reading.SIZE_LIMIT // 3).to_bytes(4, "little")
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = (10).to_bytes(4, "little")
    (submissions / "eve").mkdir()
    (submissions / "eve" / "transactions.zip").write_bytes(data)
    (found,) = take_in(submissions, course).submissions
    assert refusal(found) in ("bad-archive", "too-large")


def test_an_archive_that_cannot_be_opened_fails_all_that_may_have_been_in_it(
    course: Course, submissions: Path, solution: Lay
) -> None:
    (submissions / "eve.zip").write_bytes(b"no")
    solution(submissions / "ada" / "transactions")
    found = by_name(take_in(submissions, course).submissions)
    assert refusal(found["eve/transactions"]) == "bad-archive"
    assert refusal(found["eve/partitioning"]) == "bad-archive"
    assert found["ada/transactions"].refused is None


def test_links_and_pipes_in_folders_are_refused_and_environments_left_out(
    course: Course, submissions: Path, solution: Lay
) -> None:
    folder = solution(submissions / "ada" / "transactions")
    (folder / ".venv").symlink_to("/usr")
    assert take_in(submissions, course).submissions[0].refused is None
    (folder / "secrets.py").symlink_to("/etc/passwd")
    os.mkfifo(solution(submissions / "bob" / "transactions") / "pipe.py")
    solution(submissions / "cyd" / "transactions").rename(submissions / "cyd" / "x")
    (submissions / "cyd" / "transactions").symlink_to("x")
    found = by_name(take_in(submissions, course).submissions)
    assert refusal(found["ada/transactions"]) == "link"
    assert refusal(found["bob/transactions"]) == "no-file"
    assert refusal(found["cyd/transactions"]) == "link"


def test_a_name_with_a_line_break_is_a_named_failure(
    course: Course, submissions: Path, solution: Lay
) -> None:
    solution(submissions / "ada\nbob" / "transactions")
    found = take_in(submissions, course).submissions
    assert {refusal(s) for s in found} == {"bad-name"}
    assert file_name(found[0].student) == "ada%0Abob"
    assert len({file_name(n) for n in ("a/b", "a%2Fb", ".a", "a b", "ä", "..")}) == 6
    assert "/" not in file_name("../../x")
    assert not file_name("..").startswith(".")


def test_the_same_exercise_twice_is_not_guessed_at(
    course: Course, submissions: Path, solution: Lay
) -> None:
    solution(submissions / "ada" / "transactions")
    zipped(submissions / "ada.zip", {"transactions/a.py": b"x"})
    (found,) = take_in(submissions, course).submissions
    assert refusal(found) == "ambiguous"


def test_languages(load: Load, submissions: Path) -> None:
    course = load(ONE.replace("[[", 'languages = ["python", "go"]\n[[', 1))
    for name, files in {
        "ada": {".kafka-lab.toml": MARK.replace("python", "java"), "a.java": ""},
        "bob": {"a.py": "", "b.go": ""},
        "cyd": {"a.py": "", "b.java": ""},
        "dan": {"README.md": "nothing but this"},
    }.items():
        (submissions / name).mkdir()
        for file, text in files.items():
            (submissions / name / file).write_text(text)
    found = by_name(take_in(submissions, course).submissions)
    assert refusal(found["ada/transactions"]) == "language"
    assert refusal(found["bob/transactions"]) == "language"
    assert found["cyd/transactions"].language == "python"
    assert refusal(found["dan/transactions"]) == "empty"


def test_nothing_that_a_repository_configures_is_run(
    load: Load, submissions: Path, solution: Lay, tmp_path: Path
) -> None:
    repository = solution(submissions / "eve")
    git(repository, "init")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "x")
    touched = tmp_path / "touched"
    run = f"touch {touched}"
    with (repository / ".git" / "config").open("a") as config:
        config.write(
            f'[core]\n\tfsmonitor = "{run}"\n\tsshCommand = "{run}"\n\tpager = "{run}"\n'
            f'\tgitProxy = "{run}"\n[log]\n\tshowSignature = true\n[gpg]\n\tprogram = "{run}"\n'
            f'[filter "x"]\n\tsmudge = "{run}"\n[diff]\n\texternal = "{run}"\n'
            f'[extensions]\n\tpartialClone = origin\n[remote "origin"]\n\tpromisor = true\n'
            f'\turl = "ext::sh -c {run!r}"\n\tuploadpack = "{run}"\n'
        )
    for hook in ("post-checkout", "pre-auto-gc", "reference-transaction"):
        path = repository / ".git" / "hooks" / hook
        path.write_text(f"#!/bin/sh\n{run}\n")
        path.chmod(0o755)
    (repository / ".git" / "index").unlink()
    course = load(ONE)
    assert take_in(submissions, course).submissions[0].refused is None
    blob = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "HEAD:transfer_service.py"],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1"},
    ).stdout.strip()
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    # Now git would fetch it from the promisor, if it were let.
    assert refusal(take_in(submissions, course).submissions[0]) == "bad-repository"
    assert not touched.exists()


def test_links_and_submodules_in_a_repository_are_refused(load: Load, submissions: Path) -> None:
    repository = submissions / "eve"
    repository.mkdir()
    git(repository, "init")
    (repository / "a.py").symlink_to("/etc/passwd")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "x")
    assert refusal(take_in(submissions, load(ONE)).submissions[0]) == "link"
    git(repository, "rm", "-q", "a.py")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    git(repository, "commit", "-m", "y")
    assert refusal(take_in(submissions, load(ONE)).submissions[0]) == "no-file"


def test_identical_submissions_are_grouped() -> None:
    rows = [
        ("ada", "x", "1", "A"),
        ("bob", "x", "1", "A"),
        ("cyd", "x", "2", "A"),
        ("dan", "x", "3", "S"),
        ("eve", "x", "3", "S"),
        ("fay", "x", "4", "B"),
        ("ada", "y", "1", "A"),
    ]
    found = [(g.how, g.students, g.starter) for g in identical(rows, {"S"})]
    assert found == [
        ("bytes", ("ada", "bob"), False),
        ("white space", ("ada", "bob", "cyd"), False),
        ("bytes", ("dan", "eve"), True),
    ]
