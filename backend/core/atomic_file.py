"""Files that are written whole or not at all, durably."""

import os
import tempfile
from pathlib import Path


def write(path: Path, text: str, *, replace: bool) -> bool:
    """Write a file that only its owner can read, whole or not at all. Returns whether it was written.

    Without `replace` an existing file is unchanged: of two processes the link of the second fails.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    written = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            written.replace(path)
        else:
            path.hardlink_to(written)
    except FileExistsError:
        return False
    finally:
        written.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
