"""Options that several commands share."""

from __future__ import annotations

import click

language_option = click.option(
    "--language", "-l", metavar="LANGUAGE", help="Track: python, java or go."
)
