"""The command line. Commands are imported when they are called, so that ``--help`` is instant."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from types import FrameType

import click

from kafka_lab import __version__
from kafka_lab.runtime.errors import LabError

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
    "logs": ("learn", "Show where an attempt's logs are, and the end of the program's output."),
    "doctor": ("doctor", "Say what works on this machine, what does not, and how to get it."),
    "tour": ("tour", "See the whole thing work, from start to verdict."),
    "verify": ("verify", "Prove an exercise: starter, solutions, mutants, variants."),
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
        if not self.commands and _has_plugins():
            from kafka_lab.cli.context import load_plugins

            load_plugins().add_commands(self)
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
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


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
    """Run the command line; exit codes: 0 passed, 1 failed, 2 usage, 3 the lab itself broke."""
    if sys.platform == "win32":
        click.echo("kafka-lab runs on Linux and macOS; on Windows use WSL.", err=True)
        sys.exit(2)
    # A closed terminal or a supervisor's stop clears up as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        code = cli.main(prog_name="kafka-lab", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as e:
        sys.exit(e.exit_code)
    except click.ClickException as e:
        e.show()
        sys.exit(e.exit_code)
    except LabError as e:
        click.echo(f"kafka-lab: {e.what}", err=True)
        if e.fix:
            click.echo(f"  {e.fix}", err=True)
        sys.exit(e.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("\ninterrupted; everything that was started has been stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader has gone (`| head`): nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as e:
        where = f" ({e.filename})" if e.filename else ""
        click.echo(f"kafka-lab: {e.strerror or e}{where}", err=True)
        sys.exit(3)
