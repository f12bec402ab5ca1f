"""The proof of the exercise, item by item, on real clusters. Run it with `pytest`."""


def test_nothing_is_missing_or_weak(exercise_problems):
    assert exercise_problems == []


def test_proof(proof):
    """Starter and do-nothing programs fail, solution and variants pass, mutants are caught."""
    assert proof.problem() == ""


def test_the_grader_speaks_of_what_is_missing(check_exercise, tmp_path):
    """The way to try out any program: here one that ends at once."""
    (tmp_path / "forward.py").write_text("raise SystemExit(0)\n")
    verdict = check_exercise(tmp_path)
    assert verdict.earned == 0
    assert verdict.checks[0].findings[0].code == "lost"
