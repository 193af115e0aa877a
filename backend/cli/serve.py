"""`scanback serve`: the API and the pages, behind granian."""

import functools
import os
import signal

import click
from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from litestar import Litestar

from backend.app import create_app
from backend.cli import environment
from backend.cli.leash import follow

STOP_SECONDS = 4  # a request under way may end; `scanback run` waits a second longer


@click.command()
@click.option("--host", envvar="SCANBACK_HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
def serve(host: str) -> None:
    """Serve the API and the pages until SIGTERM or Ctrl-C.

    SCANBACK_PORT and SCANBACK_WORKERS say where and in how many processes.
    """
    settings = environment.of_a_server()
    server = Granian(
        "backend.app:create_app",  # a name for its log; the loader below makes the application
        address=host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        loop=Loops.uvloop,
        log_level=LogLevels.warning,
        workers_kill_timeout=STOP_SECONDS,
    )
    server.serve(target_loader=functools.partial(_application, os.getpid()), wrap_loader=False)


def _application(parent: int) -> Litestar:
    """Make the application in a worker process, which must not go on serving without its parent."""
    follow(parent, signal.SIGTERM)
    return create_app(environment.of_a_server())
