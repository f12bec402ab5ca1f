"""An instructor's package with one small exercise, as somebody outside would write it."""

from pathlib import Path

from kafka_lab.api import API_VERSION, ExerciseSource, hookimpl

KAFKA_LAB_API = API_VERSION
HOME = Path(__file__).with_name("echo")


@hookimpl
def kafka_lab_exercises():
    return [ExerciseSource(HOME, HOME / "solution", HOME / "grader")]


@hookimpl
def kafka_lab_commands(group):
    import click

    @group.command("shout")
    @click.argument("word")
    def shout(word):
        """Say it loudly."""
        click.echo(word.upper())
