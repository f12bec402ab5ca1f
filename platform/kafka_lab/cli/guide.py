"""``guide``: the documentation with the learner's own progress in it."""

from __future__ import annotations

from pathlib import Path

import click

from kafka_lab.cli import context


@click.group("guide")
def guide_command() -> None:
    """Read the guide, with your own progress in it."""


@guide_command.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), help="Port on 127.0.0.1 (0: any free one).")
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
def serve_command(port: int | None, open_it: bool) -> int:
    """Show the guide on this machine. Pages follow your checks as they end; Ctrl-C ends it.

    Leave it open beside `kafka-lab watch`. Nothing leaves the machine.
    """
    from kafka_lab.guide.site import Server
    from kafka_lab.progress import Store

    context.catalog()
    with Server(Store(), port) as server:
        click.echo(f"The guide is at {server.address} (Ctrl-C ends).")
        if open_it:
            click.launch(server.address)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            click.echo("")
    return 0


@guide_command.command("build")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("kafka-lab-guide"),
    show_default=True,
    metavar="DIR",
    help="Where to write it; an earlier guide there is replaced.",
)
def build_command(output: Path) -> int:
    """Write the guide with your progress as it is now. It can be opened without a server.

    Your attempts are in it, so mind whom you give it to.
    """
    from kafka_lab.guide import site
    from kafka_lab.progress import Store

    context.catalog()
    site.build(output, Store())
    click.echo(f"The guide, with your progress, is in {output}: open {output / 'index.html'}.")
    return 0


@guide_command.command("class")
@click.argument("results", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("kafka-lab-class"),
    show_default=True,
    metavar="DIR",
    help="Where to write it; an earlier guide there is replaced.",
)
def class_command(results: Path, output: Path) -> int:
    """For instructors: write the guide with an overview of a class.

    RESULTS is what `kafka-lab grade` wrote, or a folder with what `kafka-lab check --json` printed,
    ada.json or ada/transactions.json. Learners appear under these names: take pseudonyms to
    publish it.
    """
    from kafka_lab.guide import site

    context.catalog()
    site.build_class(output, results)
    click.echo(f"The guide, with the class, is in {output}: open {output / 'class.html'}.")
    return 0
