"""The words agree with the code: pages, commands, settings, links, and the site itself."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "exercises").glob("*/guide.md")),
]
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S*/)?kafka-lab(?= |$)(.*)")
_NAMES = {"EXERCISE", "DIR", "FILE", "N"}
_NOT_SETTINGS = {
    "KAFKA_LAB_API",  # a constant of a plugin
    "KAFKA_LAB_COMPLETE",  # click's own
}


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def generator() -> ModuleType:
    """``docs/generate.py``, which is no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of every ``kafka-lab …`` in shell blocks and inline code."""
    for language, block in _FENCE.findall(text):
        if language not in ("sh", "console"):
            continue
        for line in block.splitlines():
            for part in re.split(r" && | \| ", line):
                yield from _arguments(part)
    for code in _INLINE.findall(_FENCE.sub("", text)):
        yield from _arguments(code)


def _arguments(code: str) -> Iterator[list[str]]:
    found = _COMMAND.match(re.split(r" >>? ", code)[0])
    if found:
        yield shlex.split(found[1], comments=True)


def problem(arguments: list[str]) -> str:
    """Why the command line would refuse them; empty if it would not."""
    from kafka_lab.cli import cli

    command: click.Command = cli
    context = click.Context(cli, info_name="kafka-lab")
    try:
        while isinstance(command, click.Group):
            if not arguments or arguments[0] in ("-h", "--help", "--version"):
                return ""
            name, *arguments = arguments
            found = command.get_command(context, name)
            if found is None:
                return f"there is no command {name!r}"
            command, context = found, click.Context(found, info_name=name, parent=context)
        # Only parsed: a value such as N need not be a number, an argument may be left out.
        _, left, _ = command.make_parser(context).parse_args([a for a in arguments if a != "…"])
    except click.UsageError as e:
        return e.format_message()
    return f"too many arguments: {left}" if left else ""


def test_the_parser_of_this_test_sees_commands_and_mistakes() -> None:
    text = "`kafka-lab chekc` and\n```sh\ncd x && ./kafka-lab check --sed 3  # why\n```\n"
    found = list(commands(text))
    assert found == [["check", "--sed", "3"], ["chekc"]]
    assert [bool(problem(f)) for f in found] == [True, True]
    assert problem(["check", "--seed", "N", "--only", "CHECK"]) == ""
    assert "too many" in problem(["doctor", "now"])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_in_pages_exist(page: Path) -> None:
    wrong = {shlex.join(c): why for c in commands(page.read_text()) if (why := problem(c))}
    assert wrong == {}


def test_the_readme_names_every_command() -> None:
    from kafka_lab.cli import COMMANDS

    text = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=name_of)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text()
    assert generator().filled(text) == text, "run: PYTHONPATH=platform python docs/generate.py"


def test_the_reference_has_every_command() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text()
    paths = [path for path, _, _ in generator().commands()]
    assert re.findall(r"^#{2,3} `(.*)`$", text, re.MULTILINE) == paths


def test_every_setting_is_documented_and_no_other() -> None:
    sources = [
        *(ROOT / "platform").rglob("*.py"),
        *(p for p in (ROOT / "tests").rglob("*.py") if p != Path(__file__)),
        *(p for p in (ROOT / ".ci").iterdir() if p.is_file()),
        ROOT / "kafka-lab",
        ROOT / "run-tests",
    ]
    setting = re.compile(r"KAFKA_LAB_[A-Z]+(?:_[A-Z]+)*")
    used = {name for path in sources for name in setting.findall(path.read_text())}
    page = ROOT / "docs" / "reference" / "configuration.md"
    assert set(setting.findall(page.read_text())) == used - _NOT_SETTINGS


def test_every_fixture_and_method_of_the_lab_has_a_heading() -> None:
    from kafka_lab.grading.lab import Lab
    from kafka_lab.grading.plugin import LabPlugin

    text = (ROOT / "docs" / "reference" / "lab.md").read_text()
    headings = re.findall(r"^### `(.*)`$", text, re.MULTILINE)
    kind = type(pytest.fixture(lambda: None))
    fixtures = [name for name, found in vars(LabPlugin).items() if isinstance(found, kind)]
    methods = [f"lab.{n}" for n in vars(Lab) if callable(getattr(Lab, n)) and n[0] != "_"]
    assert fixtures
    assert sorted(headings) == sorted([*fixtures, *methods])


def test_the_page_of_the_verdict_has_every_field() -> None:
    from kafka_lab.api import CheckResult, Outcome, Verdict

    check = CheckResult("a", "A.", Outcome.PASSED, 1)
    verdict = Verdict("x", "python", Outcome.PASSED, (check,), 1, "embedded", "4", "id", 0.0, 1.0)
    text = (ROOT / "docs" / "reference" / "verdict-and-events.md").read_text()
    fields = [*verdict.to_json(), *verdict.to_json()["checks"][0]]
    assert [name for name in fields if f"`{name}`" not in text] == []


def test_every_kind_of_event_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "verdict-and-events.md").read_text()
    written = re.compile(r"""\.write\(\s*"([a-z-]+)",""")
    kinds = {
        kind
        for room in ("grading", "faults", "programs", "clusters")
        for path in (ROOT / "platform" / "kafka_lab" / room).rglob("*.py")
        for kind in written.findall(path.read_text())
    }
    assert kinds
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in text] == []


def test_every_code_of_a_grader_is_documented() -> None:
    """Codes that a grader or the harness makes itself; those of oracles are generated."""
    text = (ROOT / "docs" / "reference" / "verdict-and-events.md").read_text()
    code = re.compile(r"""\bFinding\(\s*"([a-z-]+)",""")
    places = [*(ROOT / "graders").glob("*/*.py"), *(ROOT / "platform/kafka_lab/grading").glob("*")]
    files = [p for p in places if p.suffix == ".py"]
    codes = {name for path in files for name in code.findall(path.read_text())}
    assert codes
    assert [name for name in sorted(codes) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_files_resolve(page: Path) -> None:
    text = _FENCE.sub("", page.read_text())
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", _INLINE.sub("", text)):
        if "://" in link:
            continue
        place, _, anchor = link.partition("#")
        target = page.parent / place if place else page
        if generated(target):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


def generated(target: Path) -> bool:
    """Whether the guide makes this page of the site from an exercise's folder."""
    folder = ROOT / "exercises" / target.stem
    made = target.resolve().parent == ROOT / "docs" / "exercises" and target.suffix == ".md"
    return made and (folder / "exercise.toml").is_file()


def anchors(page: Path) -> set[str]:
    """Headings as both GitHub and MkDocs turn them into ids."""
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", t.lower()).strip().replace(" ", "-") for t in titles}


def test_no_machines_paths_and_no_registries() -> None:
    named = re.compile(
        r"/(?:home|root|tmp|work|Users)/|pypi\.org|maven\.org|docker\.io/|proxy\.golang"
    )
    found = {name_of(p): named.findall(p.read_text()) for p in [*PAGES, ROOT / "mkdocs.yml"]}
    assert {page: words for page, words in found.items() if words} == {}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; MkDocs' strict mode makes every warning a failure."""
    mkdocs = shutil.which("mkdocs", path=str(Path(sys.executable).parent)) or shutil.which("mkdocs")
    if mkdocs is None:
        pytest.skip("mkdocs is not installed: ./run-tests installs it into .venv-dev")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [mkdocs, "build", "--strict", "--quiet", "--config-file", str(ROOT / "mkdocs.yml")]
        + ["--site-dir", str(folder)],
        # Not from the root: nothing may depend on where one stands.
        cwd=folder.parent,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "platform")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_builds_with_the_guide_in_it(site: Path) -> None:
    page = (site / "exercises" / "transactions" / "index.html").read_text()
    assert "last stable offset" in page
    assert "survives_a_broker_restart" in page
    assert not list(site.rglob("*.py"))


def test_the_site_fetches_nothing_from_elsewhere(site: Path) -> None:
    """Stylesheets, scripts, images, frames; a link that a reader may click is another thing."""
    fetched = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc="?(?:https?:)?//[^"\s>]+""")
    linked = re.compile(r"""<link\b[^>]*\bhref="?(?:https?:)?//[^"\s>]+""")
    styles = re.compile(r"""(?:@import|url\()\s*["']?(?:https?:)?//[^"')\s]+""")
    found = [
        (path.name, hit)
        for path in site.rglob("*")
        if path.suffix in (".html", ".css")
        for pattern in (fetched, linked, styles)
        for hit in pattern.findall(path.read_text())
        if 'rel="canonical"' not in hit
    ]
    assert found == []
