"""Errors that a person can act on."""

from __future__ import annotations


class LabError(Exception):
    """The lab itself could not do its work: exit code 3.

    ``what`` says what broke, ``fix`` what to do about it. Shown without a traceback.
    """

    exit_code = 3

    def __init__(self, what: str, fix: str = "") -> None:
        self.what = what
        self.fix = fix
        super().__init__(f"{what}\n{fix}" if fix else what)


class UsageError(LabError):
    """The user asked for something that cannot be: exit code 2."""

    exit_code = 2


class ToolchainMissing(LabError):
    """A compiler or runtime of a track is not on this machine."""


class BuildFailed(Exception):
    """The learner's program does not build: a failed verdict, with the compiler's words.

    ``code`` is the finding's.
    """

    def __init__(self, output: str, code: str = "build-failed") -> None:
        self.output = output
        self.code = code
        super().__init__(output)
