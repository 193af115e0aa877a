"""`scanback worker`: the background work."""

import asyncio

import click
import uvloop

from backend import worker as background
from backend.cli.server import environment


@click.command()
def worker() -> None:
    """Do the background work until SIGTERM or Ctrl-C."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(background.run(environment.server_settings()))
