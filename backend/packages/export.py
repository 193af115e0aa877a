"""A batch's files in a folder of this machine, written on from where an earlier attempt was broken off."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from backend.packages.labels.files import BLOCK_SIZES, Format, Part
from backend.packages.printrun import PrintRun

RECORD = "hand-over.json"
SUMS = "SHA256SUMS"
# What ends a label in the formats that can be gone on with.
LABEL_ENDS = {Format.CSV: b"\r\n", Format.ZPL: b"^XZ\n"}

Progress = Callable[[int], None]


class FolderTaken(ValueError):
    """The folder holds files of another batch, format or design."""


class Written(msgspec.Struct, frozen=True):
    """One finished file, as the hand-over record names it; positions from 1."""

    name: str
    bytes: int
    sha256: str
    first: int
    last: int
    codes: int


class HandOver(msgspec.Struct, frozen=True):
    """What went to the print shop. The fingerprint tells whether a folder may be gone on with."""

    batch: str
    sku: str
    format: str
    codes: int
    fingerprint: str
    files: tuple[Written, ...] = ()


def export(run: PrintRun, key: bytes, folder: Path, about: HandOver, progress: Progress) -> HandOver:
    """Write all files of a run, with their record and SHA256SUMS. Finished files stay as they are.

    A file in the making ends in `.partial`; it has its own name only when it is whole. `progress` hears how many
    labels more are done.

    Raises:
        FolderTaken: something else was exported here. OSError: the disk.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    record = folder / RECORD
    if record.exists() and _fingerprint(record) != about.fingerprint:
        raise FolderTaken(f"{folder} holds files of another batch, format or design.")
    _write_whole(record, about)
    parts = [run.part(number) for number in range(1, run.parts + 1)]
    done = msgspec.structs.replace(about, files=tuple(_file(run, key, folder, part, progress) for part in parts))
    _write_whole(record, done)
    sums = "".join(f"{file.sha256}  {file.name}\n" for file in done.files)
    (folder / SUMS).write_text(sums, "ascii")
    return done


def _fingerprint(record: Path) -> str:
    try:
        return msgspec.json.decode(record.read_bytes(), type=HandOver).fingerprint
    except msgspec.MsgspecError:
        return ""  # somebody else's file of that name


def _file(run: PrintRun, key: bytes, folder: Path, part: Part, progress: Progress) -> Written:
    path, labels = folder / part.name, part.last - part.first + 1
    if path.exists():
        progress(labels)
    else:
        _make(run, key, path, part, progress)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Written(part.name, path.stat().st_size, digest, part.first, part.last, labels)


def _make(run: PrintRun, key: bytes, path: Path, part: Part, progress: Progress) -> None:
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


def _cut_to_blocks(partial: Path, kind: Format) -> int:
    """Cut an unfinished file behind its last whole block; returns how many labels it keeps."""
    if not partial.exists():
        return 0
    kept, offset = _whole_blocks(partial, kind) if kind in BLOCK_SIZES else (0, 0)
    with partial.open("r+b") as file:
        file.truncate(offset)
    return kept


def _whole_blocks(partial: Path, kind: Format) -> tuple[int, int]:
    """Labels in whole blocks, and the byte at which the last of these ends."""
    labels = -1 if kind is Format.CSV else 0  # a CSV begins with the line of names
    kept, offset, place = 0, 0, 0
    with partial.open("rb") as file:
        for line in file:
            place += len(line)
            labels += line.endswith(LABEL_ENDS[kind])
            if labels > kept and labels % BLOCK_SIZES[kind] == 0:
                kept, offset = labels, place
    return kept, offset


def _write_whole(path: Path, record: HandOver) -> None:
    fresh = path.with_name(path.name + ".partial")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
