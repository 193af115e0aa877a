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
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from litestar import Litestar
from prometheus_client import values

from backend.app import create_app
from backend.cli.server import environment
from backend.core.http.connections import limits
from backend.core.http.connections.sweeper import Sweeper
from backend.core.settings import Settings
from local_postgres.parent_death_signal import request_parent_death_signal

STOP_SECONDS = 4  # a request under way may end; `scanback run` waits a second longer


@click.command()
@click.option("--host", envvar="SCANBACK_HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
def serve(host: str) -> None:
    """Serve the API and the pages until SIGTERM or Ctrl-C.

    SCANBACK_PORT is the port, SCANBACK_WORKERS the number of processes.
    """
    settings = environment.server_settings()
    with _shared_counters(settings.workers):
        _serve(settings, host)


@contextlib.contextmanager
def _shared_counters(processes: int) -> Iterator[None]:
    """Processes behind one port share counters in files, so that /metrics of each has the sums of all."""
    if processes == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="scanback-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        yield


def _announce_stop(stopping: Event) -> None:
    """Notify the processes before the server waits for them: endless streams end then."""
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
        # Without h2c the timeout of the header starts with the connection, so that silent ones end as well.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=limits.HEADER_SECONDS * 1000, max_buffer_size=limits.HEADER_BYTES
        ),
        backpressure=limits.capacity(settings.connections),
        log_level=LogLevels.warning,
        workers_kill_timeout=STOP_SECONDS,
    )
    server.on_startup(functools.partial(_announce_stop, stopping))  # by then it has handlers of its own
    server.serve(target_loader=functools.partial(_create_application, os.getpid(), stopping.is_set), wrap_loader=False)


def _create_application(parent: int, is_stopping: Callable[[], bool]) -> Litestar:
    """Create the application in a worker process, which ends with its parent."""
    request_parent_death_signal(parent, signal.SIGTERM)
    # The library chose its counters when the parent imported it. Its forks must count in files.
    values.ValueClass = values.get_value_class()  # type: ignore[no-untyped-call]
    settings = environment.server_settings()
    app = create_app(settings, is_stopping)
    capacity = limits.capacity(settings.connections)
    Sweeper(settings.port, capacity, settings.connections_per_address, settings.trusted_proxies).start()
    # Objects that live as long as the process need no garbage collection during requests.
    gc.collect()
    gc.freeze()
    # A request creates several hundred objects that live as long as it does: collecting every 700 objects takes a tenth
    # of its time.
    gc.set_threshold(10_000, 20, 50)
    return app
