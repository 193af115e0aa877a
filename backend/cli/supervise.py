"""Child processes of `scanback run`: started, started again when they end, and stopped."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from backend.cli import data_folder
from backend.cli.leash import leash, watch

STEADY_SECONDS = 5.0  # who lives that long begins with a clean slate
LONGEST_PAUSE_SECONDS = 2.0
STOP_SECONDS = 5.0


class Child:
    """One `scanback` command in a process group of its own, with its output in a log."""

    def __init__(self, name: str, words: list[str], data: Path, environ: dict[str, str]) -> None:
        self.name = name
        self.failures = 0
        self._command = [sys.executable, "-P", "-m", "backend.cli", *words]
        self._data = data
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = 0.0
        self._again_at = 0.0

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        return data_folder.log_path(self._data, self.name)

    def start(self) -> None:
        """Start the process, out of reach of the terminal's Ctrl-C: it is stopped by us, in order."""
        self._begun = time.monotonic()
        with data_folder.open_log(self._data, self.name) as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
                preexec_fn=leash(signal.SIGTERM),  # noqa: PLW1509 - it makes one system call
            )
        watch(self._process.pid, signal.SIGTERM)

    def exit_code(self) -> int | None:
        """How the process ended; None while it runs."""
        return self._process.poll() if self._process else None

    def keep(self) -> None:
        """Start the process again if it ended: at once the first time, then after longer pauses."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._again_at:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            return
        self._end_group()
        self._process = None
        self.failures = 1 if now - self._begun > STEADY_SECONDS else self.failures + 1
        pause = min(LONGEST_PAUSE_SECONDS, 0.25 * 2**self.failures) if self.failures > 1 else 0.0
        self._again_at = now + pause
        click.echo(f"The {self.name} ended ({_why(code)}); it is started again. See {self.log}")

    def ask_to_stop(self) -> None:
        """Ask for an orderly end; an ended process does not mind."""
        if self._process is not None:
            self._process.terminate()

    def stop(self, deadline: float) -> None:
        """Wait for the end until a moment of time.monotonic(), then end the whole group by force."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self._end_group()
        self._process.wait()
        self._process = None

    def _end_group(self) -> None:
        """End what the process started and could not stop: it would keep the port."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def stop_all(children: list[Child]) -> None:
    """Stop all of them at once; leaves none after five seconds."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.stop(deadline)


def _why(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
