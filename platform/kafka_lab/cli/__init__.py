"""The command line. Commands are imported when they are called, so that ``--help`` is instant."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import sys
from types import FrameType

import click

from kafka_lab import __version__
from kafka_lab.runtime.errors import LabError
from kafka_lab.runtime.interrupts import ENDING

# name → (module below kafka_lab.cli, one line of help). The help stands here so that the list
# of commands needs no import; a test holds it against the commands' own.
COMMANDS = {
    "list": ("learn", "List the exercises by section, with your progress."),
    "start": ("learn", "Begin an exercise: make its folder here, with starter and brief."),
    "check": ("check", "Run your program against a fresh cluster, break things, and judge."),
    "watch": ("watch", "Check again each time you save, with a cluster kept ready."),
    "run": ("run", "Run your program against a scratch cluster and show its output."),
    "hint": ("learn", "Show the next hint."),
    "solution": ("learn", "Show the reference solution, after passing or with --reveal."),
    "reset": ("learn", "Begin the exercise again; what you have is kept as a backup."),
    "update": ("learn", "Bring a changed exercise into your folder, keeping your changes."),
    "progress": ("learn", "Show what you have passed and your latest attempts."),
    "guide": ("guide", "Read the guide, with your own progress in it."),
    "report": ("report", "Show an attempt as a picture: a page with its time line."),
    "logs": ("logs", "Show where an attempt's logs are, and the end of the program's output."),
    "doctor": ("doctor", "Say what works on this machine, what does not, and how to get it."),
    "tour": ("tour", "See the whole thing work, from start to verdict."),
    "grade": (
        "grade",
        "Grade a class: folders, zip archives and git repositories in, a gradebook out.",
    ),
    "verify": ("verify", "Prove an exercise: starter, solutions, mutants, variants."),
    "course": ("course", "Set up a course: exercises, weights, deadlines; give points by hand."),
    "exercise": ("exercise", "Write an exercise of your own: begin a package, find what it lacks."),
    "cluster": ("cluster", "Start a cluster to play with, or end those that are kept."),
    "cache": ("cache", "Look after downloads and start-up caches."),
    "completion": ("completion", "Print the shell's completion script."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported one by one; plugins' are added when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module = importlib.import_module(f"kafka_lab.cli.{COMMANDS[cmd_name][0]}")
            command = getattr(module, f"{cmd_name}_command")
            assert isinstance(command, click.Command)
            return command
        if _has_plugins():
            self._add_plugins()
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as e:
            from kafka_lab.exercises.problems import nearest

            near = nearest(name, list(COMMANDS))
            if near:
                hint = f"{e.message} Did you mean '{near}'?"
                raise click.UsageError(hint, e.ctx) from e
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, text) for name, (_, text) in COMMANDS.items()]
        if _has_plugins():
            self._add_plugins()
            rows += [(name, c.get_short_help_str(200)) for name, c in sorted(self.commands.items())]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _add_plugins(self) -> None:
        if not self.commands:
            from kafka_lab.cli.context import load_plugins

            load_plugins().add_commands(self)


def _has_plugins() -> bool:
    from importlib.metadata import entry_points

    return bool(entry_points(group="kafka_lab"))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kafka-lab")
def cli() -> None:
    """Learn Apache Kafka by doing: real clusters, real faults, a verdict to trust.

    Begin with `kafka-lab tour`, or with `kafka-lab list` and `kafka-lab start transactions`.
    """


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; exit codes: 0 passed, 1 failed, 2 usage, 3 the lab itself broke.

    130 after Ctrl-C. Whatever happens, nothing that was started outlives this process.
    """
    if sys.platform == "win32":
        click.echo("kafka-lab runs on Linux and macOS; on Windows use WSL.", err=True)
        sys.exit(2)
    # A closed terminal or a supervisor's stop clears up as Ctrl-C does.
    for number in ENDING:
        signal.signal(number, _interrupt)
    code = 3
    try:
        code = _run()
    finally:
        for number in ENDING:  # a second Ctrl-C does not stop the clearing
            signal.signal(number, signal.SIG_IGN)
        _clear()
        if code == 130:
            _say("\ninterrupted; everything that was started has been stopped")
    sys.exit(code)


def _run() -> int:
    try:
        if "_KAFKA_LAB_COMPLETE" in os.environ:
            cli.main(prog_name="kafka-lab")
        # Not cli.main(): it has ways of its own to end on Ctrl-C and on a closed pipe.
        with cli.make_context("kafka-lab", sys.argv[1:]) as context:
            code = cli.invoke(context)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as e:
        return e.exit_code
    except click.ClickException as e:
        e.show()
        return e.exit_code
    except LabError as e:
        _say(f"kafka-lab: {e.what}")
        if e.fix:
            _say("  " + e.fix.replace("\n", "\n  "))
        return e.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else 0
    except BrokenPipeError:
        # The reader has gone (`| head`): nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as e:
        where = f" ({e.filename})" if e.filename else ""
        _say(f"kafka-lab: {e.strerror or e}{where}")
        if e.errno == errno.ENOSPC:
            _say("  free some space and try again")
        return 3
    except Exception as e:  # exit code 1 would say that the program is wrong
        return _broke(e)


def _broke(error: Exception) -> int:
    """Say that kafka-lab itself is at fault; the traceback goes into a file."""
    import tempfile
    import traceback

    words = f"kafka-lab itself broke: {type(error).__name__}: {error}"
    try:
        handle, path = tempfile.mkstemp(prefix="kafka-lab-broke-", suffix=".log", text=True)
        with os.fdopen(handle, "w") as file:
            file.write("".join(traceback.format_exception(error)))
    except OSError:
        traceback.print_exception(error)
        _say(words)
    else:
        _say(f"{words}\n  Please report it, with {path}")
    return 3


def _say(text: str) -> None:
    # The terminal may have gone; that must not hide how it ended.
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def _clear() -> None:
    """End what a command has left running, if it was stopped before it could."""
    leases = sys.modules.get("kafka_lab.runtime.leases")
    if leases is None:  # then nothing can have been started
        return
    with contextlib.suppress(OSError, LabError):
        for left in leases.own():
            left.clear()
