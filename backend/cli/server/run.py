"""`scanback run` (`make run`): starts database, API and worker on one machine."""

import contextlib
import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO

import click
import qrcode

from backend.cli.server import environment, preparation, simulator_process
from backend.cli.server.simulator_process import SimulatorProcess
from backend.cli.server.supervisor import Child, stop_all
from backend.core.settings import Settings
from local_postgres import data_folder
from local_postgres import server as postgres_server

POLL_SECONDS = 0.1
READY_SECONDS = 60.0
MAX_FAILURES = 3


@click.command()
def run() -> None:
    """Start everything on this machine and keep it running until Ctrl-C or SIGTERM.

    SCANBACK_DATA is the data folder (.scanback), SCANBACK_PORT the port (8000). The database is that of
    DATABASE_URL, else one of our own inside the data folder.
    """
    _stop_on_signals()
    settings = environment.local_settings()
    with _exclusive_lock(settings):
        _refuse_busy_port(settings.port)
        with _run_database(settings) as server, _run_children(settings, server) as children:
            _print_welcome(settings)
            _supervise_children(server, children)


def _stop_on_signals() -> None:
    """The first signal ends the program; later ones are ignored, so that the clean-up completes."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for sign in signals:
            signal.signal(sign, signal.SIG_IGN)
        with contextlib.suppress(OSError):  # the terminal may be gone
            os.write(1, b"\nStopping.\n")
        sys.exit(0)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for sign in signals:
        signal.signal(sign, stop)


@contextlib.contextmanager
def _exclusive_lock(settings: Settings) -> Iterator[None]:
    path = settings.data / "run.lock"
    lock: IO[str] | None = data_folder.lock(path)
    if lock is None:
        holder = data_folder.holder(path)
        raise click.ClickException(f"Scanback already runs in {settings.data} ({holder}). Stop it first.")
    with lock:
        data_folder.note(lock, f"pid {os.getpid()}, {_display_address(settings)}")
        yield


def _refuse_busy_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(
                f"Port {port} cannot be used ({error.strerror}). Set SCANBACK_PORT to another."
            ) from error


@contextlib.contextmanager
def _run_database(settings: Settings) -> Iterator[postgres_server.Server | None]:
    if settings.database_url:
        yield None
        return
    server = postgres_server.start(settings.data)
    try:
        if not server.place.is_relative_to(settings.data.resolve()):
            click.echo(f"The database's user cannot reach {settings.data}; the database is in {server.place}")
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _run_children(settings: Settings, server: postgres_server.Server | None) -> Iterator[list[Child]]:
    """The API and the worker, once they are ready."""
    url = server.url if server else settings.database_url
    environ = _child_environment(settings, url)
    simulators = SimulatorProcess(settings.data) if simulator_process.needs_simulators(settings) else None
    if simulators:
        environ |= simulators.files
    prepare = Child("preparation", ["prepare"], settings.data, environ)
    children = [
        Child("API", ["serve"], settings.data, environ),
        Child("worker", ["worker"], settings.data, environ),
        *([simulators.create_child(environ)] if simulators else []),
    ]
    try:
        if not preparation.is_prepared(settings, url):
            _run_to_end(prepare, settings.data)
        for child in children:
            child.start()
        _await_ready(settings, server, children)
        if simulators:
            simulators.add_receipts()
        yield children
    finally:
        stop_all([prepare, *children])


def _child_environment(settings: Settings, database_url: str) -> dict[str, str]:
    # Compiled files make the second start fast; some machines disable them globally.
    dropped = {"PYTHONDONTWRITEBYTECODE", "DATABASE_URL_FILE"}
    environ = {name: value for name, value in os.environ.items() if name not in dropped}
    root = str(Path(__file__).parents[3])
    path = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return environ | {
        "DATABASE_URL": database_url,
        "SCANBACK_DATA": str(settings.data),
        "PYTHONPATH": os.pathsep.join(path),
    }


def _run_to_end(child: Child, data: Path) -> None:
    child.start()
    while (code := child.exit_code()) is None:
        time.sleep(0.02)
    if code != 0:
        _stop_with_error(child, data, "did not succeed")


def _await_ready(settings: Settings, server: postgres_server.Server | None, children: list[Child]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while problem := _readiness_problem(settings.port):
        _restart_ended(server, children)
        for child in children:
            if child.failures >= MAX_FAILURES:
                _stop_with_error(child, settings.data, "does not start")
        if time.monotonic() > deadline:
            logs = settings.data / "logs"
            raise click.ClickException(f"Not ready after {READY_SECONDS:.0f} s: {problem}. More in {logs}")
        time.sleep(0.05)


def _readiness_problem(port: int) -> str:
    """Why the API is not ready, from /ready; empty when it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        return "" if answer.status == 200 else f"/ready answers {answer.status} {answer.read(500).decode()}"
    except (OSError, http.client.HTTPException) as error:
        return f"/ready does not answer ({error})"
    finally:
        connection.close()


def _stop_with_error(child: Child, data: Path, how: str) -> None:
    tail = data_folder.log_tail(data, child.name)
    raise click.ClickException(f"The {child.name} {how}. The end of {child.log}:\n{tail}")


def _print_welcome(settings: Settings) -> None:
    address = settings.base_url
    click.echo(f"\nScanback is ready: {address}   (API reference: {address}/docs)\n")
    _print_qr(address)
    demo = settings.data / "demo.json"
    if demo.exists():
        staff = json.loads(demo.read_text("utf-8"))["staff"]
        click.echo(f"Demo staff: {staff['email']}   password: {staff['password']}")
        click.echo(f"More for a first try (package codes and so on): {demo}")
    click.echo(f"Logs: {settings.data / 'logs'}   Stop: Ctrl-C")


def _print_qr(address: str) -> None:
    code = qrcode.QRCode(border=2)
    code.add_data(address)
    try:
        "▀█".encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return
    code.print_ascii(tty=sys.stdout.isatty())


def _supervise_children(server: postgres_server.Server | None, children: list[Child]) -> None:
    while True:
        time.sleep(POLL_SECONDS)
        _restart_ended(server, children)


def _restart_ended(server: postgres_server.Server | None, children: list[Child]) -> None:
    if server is not None and not server.is_alive():
        click.echo("The database ended; it is started again.")
        server.start()
    for child in children:
        child.restart_if_ended()


def _display_address(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.port}"
