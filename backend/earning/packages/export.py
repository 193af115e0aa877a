"""Writes the files of a batch to a local folder; an interrupted export resumes."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from backend.earning.packages.print_runs.labels.files import BLOCK_SIZES, FilePart, PrintFormat
from backend.earning.packages.print_runs.print_run import PrintRun

RECORD_NAME = "hand-over.json"
SUMS_NAME = "SHA256SUMS"
# The end of a label in the formats that can be resumed.
LABEL_ENDS = {PrintFormat.CSV: b"\r\n", PrintFormat.ZPL: b"^XZ\n"}

Progress = Callable[[int], None]


class FolderInUse(ValueError):
    """The folder holds files of another batch, format or design."""


class WrittenFile(msgspec.Struct, frozen=True):
    """One finished file in the hand-over record; positions from 1."""

    name: str
    bytes: int
    sha256: str
    first: int
    last: int
    codes: int


class HandOverRecord(msgspec.Struct, frozen=True):
    """The record of what goes to the print shop. An export resumes only in a folder with the same fingerprint."""

    batch: str
    sku: str
    format: str
    codes: int
    fingerprint: str
    files: tuple[WrittenFile, ...] = ()


def export_files(run: PrintRun, key: bytes, folder: Path, about: HandOverRecord, progress: Progress) -> HandOverRecord:
    """Write all files of a run, with their record and SHA256SUMS. Finished files are not written again.

    An unfinished file ends in `.partial`. `progress` is called with the number of labels written since the last call.

    Raises:
        FolderInUse: the folder has another export. OSError: the disk fails.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    record = folder / RECORD_NAME
    if record.exists() and _record_fingerprint(record) != about.fingerprint:
        raise FolderInUse(f"{folder} holds files of another batch, format or design.")
    _write_record(record, about)
    parts = [run.part(number) for number in range(1, run.parts + 1)]
    done = msgspec.structs.replace(about, files=tuple(_export_file(run, key, folder, part, progress) for part in parts))
    _write_record(record, done)
    sums = "".join(f"{file.sha256}  {file.name}\n" for file in done.files)
    (folder / SUMS_NAME).write_text(sums, "ascii")
    return done


def _record_fingerprint(record: Path) -> str:
    try:
        return msgspec.json.decode(record.read_bytes(), type=HandOverRecord).fingerprint
    except msgspec.MsgspecError:
        return ""  # another file of that name


def _export_file(run: PrintRun, key: bytes, folder: Path, part: FilePart, progress: Progress) -> WrittenFile:
    path, labels = folder / part.name, part.last - part.first + 1
    if path.exists():
        progress(labels)
    else:
        _write_file(run, key, path, part, progress)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return WrittenFile(part.name, path.stat().st_size, digest, part.first, part.last, labels)


def _write_file(run: PrintRun, key: bytes, path: Path, part: FilePart, progress: Progress) -> None:
    partial = path.with_name(path.name + ".partial")
    done = _cut_to_blocks(partial, run.kind)
    progress(done)
    labels, block = part.last - part.first + 1, BLOCK_SIZES.get(run.kind, part.last - part.first + 1)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as file:
        chunks = run.chunks(key, part, part.first + done) if done < labels else ()
        for chunk in chunks:
            file.write(chunk)
            if run.kind in BLOCK_SIZES:
                more = min(block, labels - done)
                done += more
                progress(more)
        file.flush()
        os.fsync(file.fileno())
    progress(labels - done)
    partial.replace(path)


def _cut_to_blocks(partial: Path, kind: PrintFormat) -> int:
    """Truncate an unfinished file after its last complete block; returns the number of labels left."""
    if not partial.exists():
        return 0
    labels, offset = _whole_blocks(partial, kind) if kind in BLOCK_SIZES else (0, 0)
    with partial.open("r+b") as file:
        file.truncate(offset)
    return labels


def _whole_blocks(partial: Path, kind: PrintFormat) -> tuple[int, int]:
    """The labels in complete blocks, and the offset at which the last block ends."""
    labels = -1 if kind is PrintFormat.CSV else 0  # a CSV begins with its header
    complete, offset, place = 0, 0, 0
    with partial.open("rb") as file:
        for line in file:
            place += len(line)
            labels += line.endswith(LABEL_ENDS[kind])
            if labels > complete and labels % BLOCK_SIZES[kind] == 0:
                complete, offset = labels, place
    return complete, offset


def _write_record(path: Path, record: HandOverRecord) -> None:
    fresh = path.with_name(path.name + ".partial")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
