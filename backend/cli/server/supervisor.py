"""Child processes of `scanback run`: started, started again when they end, and stopped."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from local_postgres import data_folder
from local_postgres.parent_death_signal import signal_on_parent_death, watch_if_unsupported

STEADY_SECONDS = 5.0  # a process that ran this long starts again without failures
LONGEST_PAUSE_SECONDS = 2.0
STOP_SECONDS = 5.0


class Child:
    """A `scanback` command in its own process group, with its output in a log."""

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
        """Start the process in its own session, so that Ctrl-C reaches only the supervisor, which stops all."""
        self._begun = time.monotonic()
        with data_folder.open_log(self._data, self.name) as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environ,
                start_new_session=True,
                preexec_fn=signal_on_parent_death(signal.SIGTERM),  # noqa: PLW1509 - it makes one system call
            )
        watch_if_unsupported(self._process.pid, signal.SIGTERM)

    def exit_code(self) -> int | None:
        """How the process ended; None while it runs."""
        return self._process.poll() if self._process else None

    def restart_if_ended(self) -> None:
        """Restart the process if it ended, at once and then after longer pauses. Rotates its log."""
        data_folder.rotate_log(self._data, self.name)
        now = time.monotonic()
        if self._process is None:
            if now >= self._again_at:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            return
        self._kill_group()
        self._process = None
        self.failures = 1 if now - self._begun > STEADY_SECONDS else self.failures + 1
        pause = min(LONGEST_PAUSE_SECONDS, 0.25 * 2**self.failures) if self.failures > 1 else 0.0
        self._again_at = now + pause
        click.echo(f"The {self.name} ended ({_format_exit(code)}); it is started again. See {self.log}")

    def terminate(self) -> None:
        """Send SIGTERM, if the process still runs."""
        if self._process is not None:
            self._process.terminate()

    def stop(self, deadline: float) -> None:
        """Wait until `deadline` (time.monotonic()), then kill the whole process group."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self._kill_group()
        self._process.wait()
        self._process = None

    def _kill_group(self) -> None:
        """Kill what the process started and did not stop: it would hold the port."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def stop_all(children: list[Child]) -> None:
    """Stop all children at once, within five seconds."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.stop(deadline)


def _format_exit(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
