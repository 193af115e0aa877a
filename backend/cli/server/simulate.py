"""`scanback simulators`: simulated providers of receipts, for development and tests."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import click

from local_postgres.parent_death_signal import signal_on_parent_death
from simulators import serve
from simulators.state import Setup

START_SECONDS = 30.0


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8300, show_default=True, help="Port on 127.0.0.1.")
@click.option("--seed", default=1, show_default=True, help="The same seed, the same faults.")
@click.option(
    "--faults", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of requests that fail."
)
@click.option("--per-second", type=click.FloatRange(0), default=0.0, help="Requests a second; 0 for any number.")
@click.option("--per-day", type=click.IntRange(0), default=0, help="Requests in all; 0 for any number.")
@click.option("--lag", type=click.FloatRange(0), default=0.0, help="Seconds until a response is ready.")
def simulators(port: int, seed: int, faults: float, per_second: float, per_day: int, lag: float) -> None:
    """Simulate the tax service's open API, proverkacheka.com and a provider with callbacks, all on one port.

    docs/providers.md describes how to add receipts.
    """
    setup = Setup(seed=seed, faults=faults, per_second=per_second, per_day=per_day, lag=lag)
    click.echo(f"Stand-ins on http://{serve.HOST}:{port}; receipts go to /_simulator/receipts.")
    serve.serve(setup, port)


@contextlib.contextmanager
def run_simulators(*options: str) -> Iterator[str]:
    """Run the simulators in a process on a free port while the block runs; yields their address.

    Raises:
        click.ClickException: they do not answer.
    """
    with socket.socket() as probe:
        probe.bind((serve.HOST, 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-P", "-m", "backend.cli", "simulators", "--port", str(port), *options]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=signal_on_parent_death(signal.SIGTERM))  # noqa: PLW1509
    try:
        _await_port(child, port)
        yield f"http://{serve.HOST}:{port}"
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _await_port(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((serve.HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise click.ClickException("the stand-ins did not start")
