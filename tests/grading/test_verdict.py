"""The three values of a verdict, and that nothing but the grader's own words makes one."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from kafka_lab.api import Outcome, Verdict
from kafka_lab.grading import attempt
from kafka_lab.runtime.errors import LabError, UsageError

from .conftest import Grade, Heard, folder_of

P, F, N, E = Outcome.PASSED, Outcome.FAILED, Outcome.NOT_REACHED, Outcome.ERROR


def outcomes(verdict: Verdict) -> dict[str, Outcome]:
    return {c.id: c.outcome for c in verdict.checks}


def test_findings_fail_and_needs_are_honoured(grade: Grade, heard: Heard) -> None:
    verdict = grade(
        """
        @pytest.mark.hint(1)
        def test_first(lab):
            '''The first
            sentence.'''
            expect([Finding("lost", "one is lost", {"offset": 3}), Finding("gap", "a gap")])

        @pytest.mark.needs("first")
        def test_second(lab):
            '''The second.'''

        @pytest.mark.needs("second")
        def test_third(lab):
            '''The third.'''

        def test_fourth(lab):
            '''The fourth.'''
            expect([])
        """,
        "first",
        "second",
        "third",
        "fourth",
    )
    assert verdict.outcome is F
    assert verdict.error == ""
    assert outcomes(verdict) == {"first": F, "second": N, "third": N, "fourth": P}
    first = verdict.checks[0]
    assert [(f.code, f.message) for f in first.findings[:2]] == [
        ("lost", "one is lost"),
        ("gap", "a gap"),
    ]
    assert first.findings[0].data == {"offset": 3}
    assert (first.title, first.hint) == ("The first sentence.", 1)
    assert verdict.checks[1].needs == ("first",)
    assert (verdict.earned, verdict.points) == (2, 8)
    assert list(heard.checks) == list(verdict.checks)
    assert heard.titles == ["The first sentence.", "The fourth."]
    saved = json.loads((folder_of(verdict) / "verdict.json").read_text())
    assert Verdict.from_json(saved) == verdict


def test_all_passed(grade: Grade) -> None:
    verdict = grade("def test_only(lab):\n    print('noise')\n", "only", seed=7)
    assert verdict.outcome is P
    assert (verdict.seed, verdict.backend, verdict.earned) == (7, "embedded", 2)
    assert "noise" in (folder_of(verdict) / "grader.log").read_text()


def test_any_other_exception_is_an_error_of_the_lab(grade: Grade) -> None:
    verdict = grade(
        """
        def test_plain(lab):
            assert 1 + 1 == 3

        def test_broken(lab):
            {}["missing"]

        @pytest.mark.needs("broken")
        def test_after(lab):
            pass

        @pytest.mark.needs("nothing_of_this_name")
        def test_slip(lab):
            pass
        """,
        "plain",
        "broken",
        "after",
        "slip",
    )
    assert verdict.outcome is E
    assert outcomes(verdict) == {"plain": E, "broken": E, "after": N, "slip": E}
    assert "assert (1 + 1) == 3" in verdict.error
    assert verdict.error.startswith("the check plain broke")
    assert "KeyError: 'missing'" in verdict.checks[1].error
    assert "it needs 'nothing_of_this_name'" in verdict.checks[3].error
    assert verdict.earned == 0


@pytest.mark.parametrize(
    "grader",
    [
        "def test_only(lab):\n    pytest.skip('not today')\n",
        "@pytest.mark.skip\ndef test_only(lab):\n    pass\n",
        "pytest.skip('not today', allow_module_level=True)\n",
        "@pytest.mark.xfail\ndef test_only(lab):\n    raise fail('lost', 'x')\n",
        "def test_only(lab):\n    pytest.exit('enough')\n",
        "def test_only(no_such_fixture):\n    pass\n",
        "def test_other(lab):\n    pass\n",
        "",
    ],
)
def test_nothing_passes_by_not_being_checked(grade: Grade, grader: str) -> None:
    verdict = grade(grader, "only")
    assert verdict.outcome is (F if "xfail" in grader else E)
    assert verdict.earned == 0
    assert verdict.outcome is F or verdict.error


def test_a_check_that_the_manifest_does_not_list(grade: Grade) -> None:
    verdict = grade("def test_only(lab):\n    pass\n\ndef test_more(lab):\n    pass\n", "only")
    assert verdict.outcome is E
    assert "does not list the grader's check 'more'" in verdict.error


@pytest.mark.parametrize(
    ("grader", "words"),
    [
        ("import no_such_module\n", "no_such_module"),
        ("def test_only(:\n", "invalid syntax"),
        ("raise RuntimeError('of all things')\n", "of all things"),
    ],
)
def test_a_grader_that_cannot_be_imported(grade: Grade, grader: str, words: str) -> None:
    verdict = grade(grader, "only")
    assert verdict.outcome is E
    assert verdict.error.startswith("the grader cannot be loaded")
    assert words in verdict.error
    assert outcomes(verdict) == {"only": E}


@pytest.mark.parametrize(
    ("grader", "code"),
    [
        ("import os\ndef test_only(lab):\n    os._exit(0)\n", 0),
        ("import os\ndef test_only(lab):\n    os.kill(os.getpid(), 9)\n", -9),
        ("import os\nos._exit(5)\n", 5),
    ],
)
def test_a_grader_that_dies(grade: Grade, grader: str, code: int) -> None:
    verdict = grade(grader, "only")
    assert verdict.outcome is E
    assert f"the grader ended early (exit code {code})" in verdict.error
    assert str(folder_of(verdict) / "grader.log") in verdict.error
    assert outcomes(verdict) == {"only": N}


def test_a_grader_that_hangs(grade: Grade, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "TIME_LIMIT", 1.0)
    before = {p.pid for p in psutil.Process().children(recursive=True)}
    verdict = grade(
        """
        import threading
        def test_quick(lab):
            '''Quick.'''

        def test_hanging(lab):
            role = lab.role("idle", {}, lambda principal: [])
            role.program.start()
            threading.Event().wait()
        """,
        "quick",
        "hanging",
    )
    assert verdict.outcome is E
    assert "did not come to its end in time" in verdict.error
    assert "KAFKA_LAB_TIME_SCALE" in verdict.error
    assert outcomes(verdict)["hanging"] is N
    # Neither the grader nor the program that it had started is left.
    assert {p.pid for p in psutil.Process().children(recursive=True)} <= before


def test_findings_in_a_fixture_and_a_broken_teardown(grade: Grade) -> None:
    verdict = grade(
        """
        @pytest.fixture(scope="module")
        def history(lab):
            raise fail("too-slow", "nothing came in time")

        @pytest.fixture
        def untidy(lab):
            yield
            raise OSError("cannot tidy up")

        def test_one(history):
            pass

        def test_two(history):
            pass

        def test_three(untidy):
            pass
        """,
        "one",
        "two",
        "three",
    )
    assert outcomes(verdict) == {"one": F, "two": F, "three": E}
    assert {c.findings[0].code for c in verdict.checks[:2]} == {"too-slow"}
    assert "cannot tidy up" in verdict.error


def test_fail_fast(grade: Grade, heard: Heard) -> None:
    grader = """
    def test_one(lab):
        pass

    def test_two(lab):
        raise fail("lost", "x")

    def test_three(lab):
        pass
    """
    verdict = grade(grader, "one", "two", "three", fail_fast=True)
    assert outcomes(verdict) == {"one": P, "two": F, "three": N}
    assert verdict.outcome is F


def test_only_brings_what_it_needs(grade: Grade) -> None:
    grader = """
    def test_one(lab):
        pass

    def test_two(lab):
        pass

    @pytest.mark.needs("one")
    def test_three(lab, selected):
        assert selected == {"one", "three"}
    """
    verdict = grade(grader, "one", "two", "three", only=["three"])
    assert outcomes(verdict) == {"one": P, "three": P}
    assert verdict.outcome is P
    with pytest.raises(UsageError, match="no check 'four'"):
        grade(grader, "one", "two", "three", only=["four"])


def test_chance_follows_the_seed_alone(grade: Grade) -> None:
    grader = """
    def drawn(lab, *purpose):
        raise fail("drawn", lab.name(*purpose), draw=lab.rng(*purpose).random())

    def test_one(lab):
        drawn(lab, "one", "topic")

    def test_two(lab):
        drawn(lab, "two", "topic")
    """
    first = grade(grader, "one", "two", seed=11)
    alone = grade(grader, "one", "two", seed=11, only=["two"])
    other = grade(grader, "one", "two", seed=12, only=["two"])
    drawn = [v.checks[-1].findings[0] for v in (first, alone, other)]
    assert drawn[0] == drawn[1]
    assert drawn[1].message != drawn[2].message
    assert first.checks[0].findings[0].data != drawn[0].data


def test_a_program_that_does_not_build(grade: Grade, source: Path) -> None:
    (source / "main.py").write_text("def f(:\n")
    verdict = grade("def test_only(lab):\n    pass\n", "only")
    assert verdict.outcome is F
    assert outcomes(verdict) == {"build": F, "only": N}
    assert "main.py:1" in verdict.checks[0].findings[0].message
    assert verdict.earned == 0


@pytest.mark.parametrize("scale", ["fast", "0", "-1", "1000", "nan", ""])
def test_a_nonsense_factor_of_time(scale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_LAB_TIME_SCALE", scale)
    with pytest.raises(LabError, match="KAFKA_LAB_TIME_SCALE"):
        attempt.time_scale()
