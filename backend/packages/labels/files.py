"""A batch as files: which there are, what they are called, and how each is made or gone on with."""

import itertools
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from backend.packages.labels import archive, lines, picture, sheets, zpl
from backend.packages.labels.design import Label, LabelDesign

STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Format(StrEnum):
    """What a print shop can get. `SVG` and `PNG` are ZIP archives of one QR code a file."""

    CSV = "csv"
    ZPL = "zpl"
    PDF = "pdf"
    SVG = "svg"
    PNG = "png"


ENDINGS = {
    Format.CSV: "csv",
    Format.ZPL: "zpl",
    Format.PDF: "pdf",
    Format.SVG: "svg.zip",
    Format.PNG: "png.zip",
}
MEDIA_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.ZPL: "text/plain; charset=us-ascii",
    Format.PDF: "application/pdf",
    Format.SVG: "application/zip",
    Format.PNG: "application/zip",
}
# Labels in a chunk of the two formats that can be gone on with at any chunk.
BLOCK_SIZES = {Format.CSV: 10_000, Format.ZPL: 1_000}
# Labels in a file, at most. CSV: a spreadsheet holds 1,048,576 lines. ZIP: old unpackers stop at 65,535
# entries, and folders of more than some ten thousand files are slow to open.
FILE_SIZES = {
    Format.CSV: 1_000_000,
    Format.ZPL: 100_000,
    Format.PDF: 10_000,
    Format.SVG: 10_000,
    Format.PNG: 10_000,
}


class LabelsOutOfStep(ValueError):
    """The labels handed in are not those of the file: our own mistake, not the caller's."""


class Part(NamedTuple):
    """One of a batch's files: number `number` of `of`, labels `first` to `last`, all counted from 1."""

    number: int
    of: int
    first: int
    last: int
    name: str


def file_size(kind: Format, design: LabelDesign) -> int:
    """Labels in each file but the last; PDF files end with a full sheet."""
    if kind is not Format.PDF:
        return FILE_SIZES[kind]
    across, down = design.sheet
    return max(1, FILE_SIZES[kind] // (across * down)) * across * down


def count_parts(kind: Format, labels: int, design: LabelDesign) -> int:
    """How many files a batch of so many labels has."""
    return -(-labels // file_size(kind, design))


def part(kind: Format, number: int, *, labels: int, design: LabelDesign, stem: str) -> Part:
    """One file of a batch, from 1; a pure function of batch and number. Raises ValueError out of range."""
    of, size = count_parts(kind, labels, design), file_size(kind, design)
    if not 1 <= number <= of:
        raise ValueError(f"There is no file {number}: the batch has {of}.")
    if not STEM.fullmatch(stem):
        raise ValueError(f"Not a file name: {stem}")
    first = (number - 1) * size + 1
    name = f"{stem}.{number:05}-of-{of:05}.{ENDINGS[kind]}"
    return Part(number, of, first, min(number * size, labels), name)


def render(kind: Format, part: Part, labels: Iterable[Label], design: LabelDesign) -> Iterator[bytes]:
    """A file's bytes, always the same for the same labels and design.

    CSV and ZPL come a block a chunk, and a file that was broken off goes on after its last whole block: hand
    in the labels from the next one on and append. PDF and ZIP are made whole. Raises `LabelRefused` for what
    can't be printed, `LabelsOutOfStep` unless the labels are those of the part, up to its last.
    """
    checked = _in_step(kind, part, labels)
    if kind is Format.CSV:
        return _csv(part, checked)
    if kind is Format.ZPL:
        return (zpl.block(block, design) for block in _blocks(checked, BLOCK_SIZES[kind]))
    if kind is Format.PDF:
        return sheets.file(checked, design, title=part.name)
    draw = picture.symbol_svg if kind is Format.SVG else picture.symbol_png
    return archive.file(checked, design, draw, ending=kind)


def _in_step(kind: Format, part: Part, labels: Iterable[Label]) -> Iterator[Label]:
    """The labels, one by one; a file that lacks some or has them twice must not reach a print shop."""
    expected = 0
    for label in labels:
        if not expected:
            expected = _start(kind, part, label.serial_no)
        if label.serial_no != expected or expected > part.last:
            raise LabelsOutOfStep(f"{part.name}: label {label.serial_no} came for {expected}.")
        yield label
        expected += 1
    if expected != part.last + 1:
        raise LabelsOutOfStep(f"{part.name}: the labels ended before {part.last}.")


def _start(kind: Format, part: Part, serial_no: int) -> int:
    """The first label's number, if a file of this kind may begin or go on there."""
    step = BLOCK_SIZES.get(kind, part.last)
    if serial_no < part.first or (serial_no - part.first) % step:
        raise LabelsOutOfStep(f"{part.name} can't go on at label {serial_no}.")
    return serial_no


def _csv(part: Part, labels: Iterator[Label]) -> Iterator[bytes]:
    for block in _blocks(labels, BLOCK_SIZES[Format.CSV]):
        start = lines.header() if block[0].serial_no == part.first else b""
        yield start + lines.block(block)


def _blocks(labels: Iterator[Label], size: int) -> Iterator[list[Label]]:
    while block := list(itertools.islice(labels, size)):
        yield block
