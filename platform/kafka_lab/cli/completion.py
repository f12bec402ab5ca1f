"""``completion``: click's own completion scripts."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the shell's completion script.

    For bash: `kafka-lab completion bash >> ~/.bashrc`.
    """
    from kafka_lab.cli import cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "kafka-lab", "_KAFKA_LAB_COMPLETE").source())
