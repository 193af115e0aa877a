"""An embedded PostgreSQL: for the first hour, for tests and for demonstrations; production names its own."""

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from local_postgres import cluster, data_folder
from local_postgres import programs as postgres_programs
from local_postgres.parent_death_signal import signal_on_parent_death, watch_if_unsupported
from local_postgres.programs import DatabaseFailed

# Below what systems lend to outgoing connections, so that the remembered port is free again after a crash.
PORTS = range(20000, 30000)
READY_SECONDS = 60.0  # repairing after a crash takes its time
IN_USE_SECONDS = 15.0
STOP_SECONDS = 5.0
ATTEMPTS = 3
SOCKET_PATH_BYTES = 103  # unix(7) and unix(4): the shortest limit of the systems we run on

OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",  # it pays on long queries only, and costs on each short one
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
# Nothing survives a crash of the machine then: for tests only.
FAST_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "500",
    "deadlock_timeout": "50ms",  # shorter than the lock timeout of batches: tests count deadlocks
}


class Remembered(msgspec.Struct):
    """What an embedded database is reached by, the same over restarts while it can be."""

    port: int
    password: str

    def url(self, place: Path) -> str:
        """The address for SQLAlchemy: the socket in the cluster, where a round trip costs a third less.

        A long path does not fit into a socket's address; then it is the loopback interface.
        """
        owner = f"{cluster.OWNER}:{self.password}"
        if folder := socket_folder(place, self.port):
            where = f"?host={urllib.parse.quote(folder)}&port={self.port}"
            return f"postgresql+psycopg://{owner}@/{cluster.OWNER}{where}"
        return f"postgresql+psycopg://{owner}@127.0.0.1:{self.port}/{cluster.OWNER}"


def socket_folder(place: Path, port: int) -> str:
    """The folder of the server's socket: the cluster itself; empty where that path is too long."""
    longest = len(os.fsencode(place / f".s.PGSQL.{port}"))
    return str(place) if longest <= SOCKET_PATH_BYTES and "," not in str(place) else ""


class Server:
    """An embedded database and the lock on it; made by start()."""

    def __init__(self, data: Path, lock: IO[str], *, fast: bool) -> None:
        self._data = data
        self._lock = lock
        self._fast = fast
        self.place = cluster.place(data)
        self._who = postgres_programs.identity(self.place)
        self._programs = postgres_programs.find(self.place, self._who, postgres_programs.folders())
        self._process: subprocess.Popen[bytes] | None = None
        self._remembered = self._prepare_cluster()

    @property
    def url(self) -> str:
        """The address as SQLAlchemy takes it, with the password in it."""
        return self._remembered.url(self.place)

    @property
    def port(self) -> int:
        return self._remembered.port

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server; also again after its process was killed, under the same address.

        Raises:
            DatabaseFailed: it does not come up; the message has the end of its log.
        """
        for _ in range(ATTEMPTS):
            cluster.clear(self.place)
            if not _is_free(self._remembered.port):
                self._remembered.port = _free_port()
                _write_remembered(self._data, self._remembered)
            self._process = self._spawn_process()
            if self._comes_up(self._process):
                return
        log = data_folder.log_tail(self._data, "postgres")
        raise DatabaseFailed(f"The embedded database does not start. The end of its log:\n{log}")

    def stop(self) -> None:
        """Stop in order, then harder. Leaves no process and gives the lock back; harmless when repeated."""
        if self._process is not None:
            for sign in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # in order, at once, by force
                self._process.send_signal(sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(STOP_SECONDS)
                    break
            self._process = None
            cluster.clear(self.place)
        self._lock.close()

    def _prepare_cluster(self) -> Remembered:
        """Make the cluster if there is none; know its password in any case."""
        remembered = _read_remembered(self._data)
        if remembered is not None and self.place.exists():
            return remembered
        fresh = Remembered(port=_free_port(), password=secrets.token_urlsafe(24))
        _write_remembered(self._data, fresh)
        if self.place.exists():
            cluster.change_password(self.place, self._programs, self._who, fresh.password)
        else:
            self.place = cluster.make(self._data, self._programs, self._who, fresh.password, fast=self._fast)
        return fresh

    def _spawn_process(self) -> subprocess.Popen[bytes]:
        port = self._remembered.port
        own = {"port": str(port), "unix_socket_directories": socket_folder(self.place, port)}
        options = OPTIONS | (FAST_OPTIONS if self._fast else {}) | own
        command = [str(self._programs.folder / "postgres"), "-D", str(self.place)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with data_folder.open_log(self._data, "postgres") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for us: the database goes last
                preexec_fn=signal_on_parent_death(signal.SIGINT),  # noqa: PLW1509 - it makes one system call
                **postgres_programs.run_as(self._who),
            )
        watch_if_unsupported(process.pid, signal.SIGINT)
        return process

    def _comes_up(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if _read_status(self.place) == (process.pid, "ready"):
                return True
            time.sleep(0.01)
        process.kill()
        process.wait()
        return False


def start(data: Path, *, fast: bool = False) -> Server:
    """Start the database of a data folder, making both on the first call.

    Only a main thread may call it. The server ends with this process, however that ends. `fast` gives up
    every guarantee against a crash of the machine for speed.

    Raises:
        DatabaseFailed: no programs, another process holds it, or it does not come up.
        FolderUnusable: the data folder belongs to another user.
    """
    data_folder.prepare(data)
    lock = data_folder.lock(data / "postgres.lock", IN_USE_SECONDS)
    if lock is None:
        holder = data_folder.holder(data / "postgres.lock")
        raise DatabaseFailed(f"The database in {data} is in use by another process ({holder}).")
    return _start_server(data, lock, fast=fast)


def _start_server(data: Path, lock: IO[str], *, fast: bool = False) -> Server:
    try:
        server = Server(data, lock, fast=fast)
        server.start()
    except BaseException:
        lock.close()
        raise
    return server


@contextlib.contextmanager
def running(data: Path) -> Iterator[str]:
    """The address of a data folder's database: of the one that runs, or of one started for this while.

    Raises:
        DatabaseFailed: as start() does.
        FolderUnusable: as start() does.
    """
    data_folder.prepare(data)
    lock = data_folder.lock(data / "postgres.lock")
    if lock is None and (url := _find_running(data)):
        yield url
        return
    server = start(data) if lock is None else _start_server(data, lock)
    try:
        yield server.url
    finally:
        server.stop()


@contextlib.contextmanager
def throwaway(*, fast: bool = True) -> Iterator[Server]:
    """A server of its own in a temporary folder; both are gone afterwards."""
    data = Path(tempfile.mkdtemp(prefix="scanback-"))
    data.chmod(0o711)
    try:
        server = start(data, fast=fast)
        try:
            yield server
        finally:
            server.stop()
            if not server.place.is_relative_to(data.resolve()):
                shutil.rmtree(server.place.parent)
    finally:
        shutil.rmtree(data)


def _find_running(data: Path) -> str | None:
    """The address of a server that another process runs, once it is ready; None when it never is."""
    deadline = time.monotonic() + IN_USE_SECONDS
    while time.monotonic() < deadline:
        remembered, place = _read_remembered(data), cluster.place(data)
        if remembered is not None and _read_status(place)[1] == "ready":
            return remembered.url(place)
        time.sleep(0.05)
    return None


def _read_status(place: Path) -> tuple[int, str]:
    """The process id of a server and whether it accepts connections, from its pid file."""
    try:
        lines = (place / "postmaster.pid").read_text("utf-8").splitlines()
    except FileNotFoundError:
        return 0, ""
    return (int(lines[0]), lines[7].strip()) if len(lines) > 7 else (0, "")


def _read_remembered(data: Path) -> Remembered | None:
    try:
        return msgspec.json.decode((data / "postgres.json").read_bytes(), type=Remembered)
    except FileNotFoundError:
        return None


def _write_remembered(data: Path, what: Remembered) -> None:
    part = data / "postgres.json.part"
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(what))
    part.replace(data / "postgres.json")


def _free_port() -> int:
    for port in random.sample(PORTS, 50):
        if _is_free(port):
            return port
    raise DatabaseFailed(f"No free port was found between {PORTS.start} and {PORTS.stop}.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
