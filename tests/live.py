"""A real server in a process of its own, over the test's database."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from backend.core.settings import Settings
from local_postgres.parent_death_signal import signal_on_parent_death

START_SECONDS = 90  # a busy machine compiles and connects slowly
ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def serving(settings: Settings, folder: Path, **more: str) -> Iterator[str]:
    """`scanback serve` on a free port of 127.0.0.1, with limits that no test reaches; gives its address.

    `more`: further variables of its environment.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = (
        os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": settings.database_url,
            "SCANBACK_DATA": str(settings.data),
            "SCANBACK_PORT": str(port),
            "SCANBACK_URL": url,
            "SCANBACK_NUMBERS": str(_generous(settings, folder)),
            "SCANBACK_LOG_LEVEL": "ERROR",
            "SCANBACK_DECODERS": "1",
            "SCANBACK_POOL": "8",  # races want many at once
        }
        | more
    )
    log = folder / "serve.log"
    with log.open("wb") as file:
        command = [sys.executable, "-P", "-m", "backend.cli", "serve"]
        server = subprocess.Popen(
            command, env=environ, stdout=file, stderr=file, preexec_fn=signal_on_parent_death(signal.SIGTERM)
        )
        try:
            _await(server, url, log)
            yield url
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(15)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _generous(settings: Settings, folder: Path) -> Path:
    """Limits so high that a flood of generated requests does not meet them."""
    limits = [name for name in settings.numbers.table if "_per_" in name]
    rows = (f'[[{name}]]\nfrom = 2026-01-01\nvalue = 1000000\nsource = "Tests."\n' for name in limits)
    path = folder / "numbers.toml"
    path.write_text("\n".join(rows))
    return path


def _await(server: subprocess.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(httpx2.TransportError):
            httpx2.get(url, timeout=5)
            return
        time.sleep(0.1)
    raise AssertionError(f"the server is not up after {START_SECONDS} s: {log.read_text()}")
