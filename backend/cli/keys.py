"""`scanback keys`: the two keys that never enter the database."""

import click

from backend.cli import environment


@click.command()
def keys() -> None:
    """Make the keys in the data folder where they are missing; one that exists is never replaced.

    Printed codes and everybody's tokens hang on them: keep a copy in a safe.
    """
    settings = environment.at_home()
    click.echo(f"Keys: {settings.data / 'secrets'}")
