"""The installation under attack: `scanback run` with its own limits, an honest phone beside it, a tally."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
from httpx2 import Client, HTTPTransport, Response

from bench.stage import free_port

READY_SECONDS = 90
HONEST_ADDRESS = "127.9.9.9"
PAUSE_SECONDS = 0.1


class Target:
    """A server of its own, with the data of its demo. Loopback addresses represent different networks."""

    def __init__(self, folder: Path, port: int, home: psutil.Process) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.port, self.folder, self.home = port, folder, home
        self.demo: dict[str, Any] = json.loads((folder / "demo.json").read_text("utf-8"))
        self.statuses: Counter[str] = Counter()
        self.faults: list[str] = []
        self._networks = 0
        self._clients: list[Client] = []
        self._lock = threading.Lock()

    def client(self, address: str | None = None) -> Client:
        """A client from a network of its own, or from a given address."""
        with self._lock:
            self._networks += 1
            address = address or f"127.{64 + self._networks // 250}.{self._networks % 250 + 1}.1"
        made = Client(base_url=self.base, timeout=60, transport=HTTPTransport(local_address=address))
        self._clients.append(made)
        return made

    def agent(self, client: Client) -> dict[str, str]:
        """A new account's headers."""
        return {"Authorization": f"Bearer {client.post('/v1/accounts').json()['token']}"}

    def staff(self, client: Client) -> dict[str, str]:
        """The demo owner's headers."""
        return {"Authorization": f"Bearer {client.post('/v1/staff/sessions', json=self.demo['staff']).json()['token']}"}

    def till(self) -> dict[str, str]:
        """The demo till's headers."""
        return {"Authorization": f"Bearer {self.demo['till_key']}"}

    def note(self, what: str, status: int, text: str = "") -> None:
        """Count an answer; 5xx other than 503 is a fault."""
        with self._lock:
            self.statuses[str(status)] += 1
            if status >= 500 and status != 503:
                self.faults.append(f"{what}: {status} {text[:200]}")

    def send(self, client: Client, method: str, path: str, **options: Any) -> Response | None:
        """Send one request and count it. None if the server closed the connection, which is allowed."""
        try:
            response = client.request(method, path, **options)
        except httpx2.TransportError:
            self.note(f"{method} {path}", 0)
            return None
        self.note(f"{method} {path}", response.status_code, response.text)
        return response

    def insist(self, true: bool, what: str) -> None:
        """Record a fault unless a condition holds."""
        if not true:
            self.faults.append(what)

    def memory_mb(self) -> float:
        """The memory of the API and its children (USS), without the database and the worker."""
        return sum(_unique(one) for one in self._api()) / 1e6

    def _api(self) -> list[psutil.Process]:
        found = []
        for child in self.home.children():
            with contextlib.suppress(psutil.Error):
                if child.cmdline()[-1] == "serve":
                    found += [child, *child.children(recursive=True)]
        return found

    def close(self) -> None:
        """Close all callers' connections."""
        for client in self._clients:
            client.close()


def _unique(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0


class Honest(threading.Thread):
    """An honest phone: `/health`, the wallet and a scan, again and again; the duration of each."""

    def __init__(self, target: Target) -> None:
        super().__init__(daemon=True)
        self.target = target
        self.client = target.client(HONEST_ADDRESS)
        self.headers = target.agent(self.client)
        self.seconds: list[float] = []
        self.refused: Counter[int] = Counter()
        self.over = threading.Event()

    def run(self) -> None:
        code = self.target.demo["package_codes"][0]
        while not self.over.wait(PAUSE_SECONDS):
            self._send_timed("GET", "/health")
            self._send_timed("PUT", f"/v1/scans/{uuid.uuid4()}", json={"text": code}, headers=self.headers)

    def _send_timed(self, method: str, path: str, **options: Any) -> None:
        begun = time.perf_counter()
        response = self.target.send(self.client, method, path, **options)
        self.seconds.append(time.perf_counter() - begun)
        # The phone scans more often than any real one, so a 429 is no failure.
        if response is None or response.status_code not in (200, 429):
            self.refused[response.status_code if response else 0] += 1

    def take_results(self) -> tuple[float, int, int]:
        """p95 in seconds, requests, and those with an unexpected response, since the last call."""
        seconds, refused = sorted(self.seconds), sum(self.refused.values())
        self.seconds, self.refused = [], Counter()
        return (seconds[int(len(seconds) * 0.95)] if seconds else 0.0), len(seconds), refused


@contextlib.contextmanager
def installation() -> Iterator[Target]:
    """Start everything in a temporary folder, which is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="scanback-attack-") as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("SCANBACK_", "DATABASE_"))}
        environ = inherited | {"SCANBACK_DATA": name, "SCANBACK_PORT": str(port), "SCANBACK_LOG_LEVEL": "WARNING"}
        home = subprocess.Popen([sys.executable, "-m", "backend.cli", "run"], env=environ, stdout=subprocess.DEVNULL)
        try:
            _await_ready(home, port)
            target = Target(folder, port, psutil.Process(home.pid))
            yield target
            target.close()
        finally:
            home.send_signal(signal.SIGTERM)
            home.wait(60)


def _await_ready(home: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
        while home.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx2.TransportError):
                if client.get("/ready").status_code == 200:
                    return
            time.sleep(0.2)
    raise RuntimeError("scanback run does not start")
