"""What every language's toolchain offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kafka_lab.programs.sandbox.workshop import Workshop
from kafka_lab.runtime.errors import LabError

Say = Callable[[str], None]
"""Called with a few words on what is being done now."""


@dataclass(frozen=True)
class Missing:
    """A tool that this machine lacks, and how to get it."""

    tool: str
    fix: str


@dataclass(frozen=True)
class Built:
    """A program that is ready to be started.

    ``argv`` starts it; ``env`` is added to the contract's variables; ``dialect`` is the one of
    its ``KAFKA_CONFIG`` file (``java`` or ``librdkafka``); ``fingerprint`` names the build by
    content; ``editor`` maps link names to lay in the workspace onto folders; ``reads`` are the
    files and folders, outside the workspace and the system, that it needs while it runs.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    dialect: str
    fingerprint: str
    editor: Mapping[str, Path] = field(default_factory=dict)
    reads: tuple[Path, ...] = ()


class Toolchain(Protocol):
    """Turns a workspace of one language into a program."""

    language: str

    def missing(self) -> list[Missing]:
        """What this machine lacks for this language; empty if nothing."""

    def build(self, source: Path, entry: str, say: Say) -> Built:
        """Build, or take from the cache what was built from the same content.

        Raises:
            BuildFailed: with the compiler's words, when the learner's program is at fault.
            ToolchainMissing: when this machine lacks a tool.
        """


class ConfinedToolchain(Toolchain, Protocol):
    """One that can also build what a stranger wrote."""

    def build_confined(self, source: Path, entry: str, say: Say, shop: Workshop) -> Built:
        """As ``build``, but everything that reads the submission runs in the workshop's sandboxes,
        without a network, and libraries are those that the exercise's own workspaces name.

        Raises:
            BuildFailed: as ``build``; with the code ``library-not-allowed`` for another library.
            LabError: when the sandbox broke.
        """


def build_in(shop: Workshop, toolchain: Toolchain, source: Path, entry: str, say: Say) -> Built:
    """Build in a sandbox.

    Raises:
        LabError: when the language's toolchain cannot.
    """
    build = getattr(toolchain, "build_confined", None)
    if build is None:
        raise LabError(
            f"the toolchain for {toolchain.language} cannot build in a sandbox",
            "it needs a method build_confined; or grade this track without a sandbox",
        )
    found: Built = build(source, entry, say, shop)
    return found
