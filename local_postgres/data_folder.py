"""The data folder of an installation: who may use it now, and the logs in it."""

import contextlib
import fcntl
import os
import shutil
import time
from pathlib import Path
from typing import IO

LOG_BYTES = 10_000_000


class FolderUnusable(Exception):
    """The data folder cannot be made or written to; the message has the reason and what to do."""


def prepare(data: Path) -> None:
    """Make the folder and its `logs`. A folder made here lets others pass through, not look.

    Raises:
        FolderUnusable: it cannot be made, or this user may not write there.
    """
    try:
        if not data.exists():
            data.mkdir(parents=True)
            data.chmod(0o711)
        (data / "logs").mkdir(mode=0o700, exist_ok=True)
        with (data / "postgres.lock").open("a"):
            pass
    except OSError as error:
        raise FolderUnusable(
            f"The data folder {data} cannot be used ({error.strerror})."
            " Set SCANBACK_DATA to another, or start as its owner."
        ) from error


def lock(path: Path, patience_seconds: float = 0) -> IO[str] | None:
    """Take a lock for as long as the returned file stays open; None when another process keeps it.

    The system gives it back when its holder dies, and the holder's children do not inherit it.
    """
    file = path.open("a+")
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                return None
            time.sleep(0.05)
        else:
            note(file, f"pid {os.getpid()}")
            return file


def note(file: IO[str], text: str) -> None:
    """Write into a held lock what others shall read there."""
    file.truncate(0)
    file.write(text)
    file.flush()


def holder(path: Path) -> str:
    """What the holder of a lock wrote into it."""
    return path.read_text("utf-8") or "just starting"


def log_path(data: Path, name: str) -> Path:
    """Where the log of a part lies."""
    return data / "logs" / f"{name}.log"


def open_log(data: Path, name: str) -> IO[bytes]:
    """Open a log to append to; one that has grown beyond 10 MB is put aside, in place of the last such."""
    path = log_path(data, name)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def rotate_log(data: Path, name: str) -> None:
    """Put a log aside that has grown beyond 10 MB while its process writes on, in place of the last such.

    The process appends, so it goes on at the new end; what it writes between the two steps is lost. On a full disk the
    log is emptied without a copy.
    """
    path = log_path(data, name)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size <= LOG_BYTES:
            return
        aside = path.with_suffix(".log.1")
        try:
            shutil.copyfile(path, aside)
            aside.chmod(path.stat().st_mode)
        except OSError:
            aside.unlink(missing_ok=True)
        os.truncate(path, 0)


def log_tail(data: Path, name: str, lines: int = 8) -> str:
    """The last lines of a log."""
    path = log_path(data, name)
    if not path.exists():
        return ""
    return "\n".join(path.read_text("utf-8", errors="replace").splitlines()[-lines:])
