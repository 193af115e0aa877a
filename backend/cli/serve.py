"""`scanback serve`: the API and the pages, behind granian."""

import contextlib
import functools
import gc
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from types import FrameType
from typing import Any

import click
from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from litestar import Litestar
from prometheus_client import values

from backend.app import create_app
from backend.cli import environment
from backend.cli.leash import follow
from backend.settings import Settings

STOP_SECONDS = 4  # a request under way may end; `scanback run` waits a second longer


@click.command()
@click.option("--host", envvar="SCANBACK_HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
def serve(host: str) -> None:
    """Serve the API and the pages until SIGTERM or Ctrl-C.

    SCANBACK_PORT and SCANBACK_WORKERS say where and in how many processes.
    """
    settings = environment.of_a_server()
    with _shared_counters(settings.workers):
        _serve(settings, host)


@contextlib.contextmanager
def _shared_counters(processes: int) -> Iterator[None]:
    """Processes behind one port add their counters up in files, so that every reading of /metrics sees all of them."""
    if processes == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="scanback-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def _announce_stop(stopping: Event) -> None:
    """Tell the processes of a stop before they are waited for: streams, which are never over, end then."""
    server = os.getpid()
    for sign in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(sign)

        def stop(number: int, frame: FrameType | None, before: Any = before) -> None:
            if os.getpid() == server:
                stopping.set()
            before(number, frame)

        signal.signal(sign, stop)


def _serve(settings: Settings, host: str) -> None:
    stopping = multiprocessing.Event()  # the processes inherit it
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
    server.on_startup(functools.partial(_announce_stop, stopping))  # by then it has handlers of its own
    server.serve(target_loader=functools.partial(_application, os.getpid(), stopping.is_set), wrap_loader=False)


def _application(parent: int, is_stopping: Callable[[], bool]) -> Litestar:
    """Make the application in a worker process, which must not go on serving without its parent."""
    follow(parent, signal.SIGTERM)
    # The library chose how to count when it was loaded, in the parent. A fork of it counts in files from here on.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
    app = create_app(environment.of_a_server(), is_stopping)
    # What lives as long as the process need not be looked through for garbage while people wait.
    gc.collect()
    gc.freeze()
    # A request makes several hundred objects that live as long as it does: looking through them every 700 is a tenth of
    # what it costs.
    gc.set_threshold(10_000, 20, 50)
    return app
