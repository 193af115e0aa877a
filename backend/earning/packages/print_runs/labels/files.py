"""The files of a batch: their number and names, and how each is rendered or resumed."""

import itertools
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from backend.earning.packages.print_runs.labels import archive, csv_lines, label_picture, sheets, zpl
from backend.earning.packages.print_runs.labels.label_design import Label, LabelDesign

STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class PrintFormat(StrEnum):
    """The formats of print files. `SVG` and `PNG` are ZIP archives with a file for each QR code."""

    CSV = "csv"
    ZPL = "zpl"
    PDF = "pdf"
    SVG = "svg"
    PNG = "png"


SUFFIXES = {
    PrintFormat.CSV: "csv",
    PrintFormat.ZPL: "zpl",
    PrintFormat.PDF: "pdf",
    PrintFormat.SVG: "svg.zip",
    PrintFormat.PNG: "png.zip",
}
MEDIA_TYPES = {
    PrintFormat.CSV: "text/csv; charset=utf-8",
    PrintFormat.ZPL: "text/plain; charset=us-ascii",
    PrintFormat.PDF: "application/pdf",
    PrintFormat.SVG: "application/zip",
    PrintFormat.PNG: "application/zip",
}
# Labels in a chunk of the two formats that can be resumed at any chunk.
BLOCK_SIZES = {PrintFormat.CSV: 10_000, PrintFormat.ZPL: 1_000}
# Labels in a file, at most. CSV: a spreadsheet holds 1,048,576 lines. ZIP: old unpackers stop at 65,535
# entries, and folders of more than some ten thousand files are slow to open.
FILE_SIZES = {
    PrintFormat.CSV: 1_000_000,
    PrintFormat.ZPL: 100_000,
    PrintFormat.PDF: 10_000,
    PrintFormat.SVG: 10_000,
    PrintFormat.PNG: 10_000,
}


class LabelsOutOfOrder(ValueError):
    """The labels are not those of the file: a bug in this program."""


class FilePart(NamedTuple):
    """One of a batch's files: number `number` of `of`, labels `first` to `last`, all counted from 1."""

    number: int
    of: int
    first: int
    last: int
    name: str


def labels_per_file(kind: PrintFormat, design: LabelDesign) -> int:
    """Labels in each file but the last; PDF files end with a full sheet."""
    if kind is not PrintFormat.PDF:
        return FILE_SIZES[kind]
    across, down = design.sheet
    return max(1, FILE_SIZES[kind] // (across * down)) * across * down


def count_parts(kind: PrintFormat, labels: int, design: LabelDesign) -> int:
    """The number of files for so many labels."""
    return -(-labels // labels_per_file(kind, design))


def file_part(kind: PrintFormat, number: int, *, labels: int, design: LabelDesign, stem: str) -> FilePart:
    """One file of a batch, from 1; a pure function of batch and number. Raises ValueError out of range."""
    of, size = count_parts(kind, labels, design), labels_per_file(kind, design)
    if not 1 <= number <= of:
        raise ValueError(f"There is no file {number}: the batch has {of}.")
    if not STEM.fullmatch(stem):
        raise ValueError(f"Not a file name: {stem}")
    first = (number - 1) * size + 1
    name = f"{stem}.{number:05}-of-{of:05}.{SUFFIXES[kind]}"
    return FilePart(number, of, first, min(number * size, labels), name)


def render_part(kind: PrintFormat, part: FilePart, labels: Iterable[Label], design: LabelDesign) -> Iterator[bytes]:
    """A file's bytes, always the same for the same labels and design.

    CSV and ZPL yield a block a chunk, and an interrupted file resumes after its last complete block: pass the labels
    from the next one on and append. PDF and ZIP are rendered as a whole. Raises `LabelRefused` for what cannot be
    printed, `LabelsOutOfOrder` unless the labels are those of the part, up to its last.
    """
    checked = _check_order(kind, part, labels)
    if kind is PrintFormat.CSV:
        return _csv_blocks(part, checked)
    if kind is PrintFormat.ZPL:
        return (zpl.labels_zpl(block, design) for block in _label_blocks(checked, BLOCK_SIZES[kind]))
    if kind is PrintFormat.PDF:
        return sheets.write_sheets(checked, design, title=part.name)
    draw = label_picture.draw_symbol_svg if kind is PrintFormat.SVG else label_picture.draw_symbol_png
    return archive.write_archive(checked, design, draw, ending=kind)


def _check_order(kind: PrintFormat, part: FilePart, labels: Iterable[Label]) -> Iterator[Label]:
    """The labels, checked: a file with missing or repeated labels must not reach a print shop."""
    expected = 0
    for label in labels:
        if not expected:
            expected = _check_start(kind, part, label.serial_no)
        if label.serial_no != expected or expected > part.last:
            raise LabelsOutOfOrder(f"{part.name}: label {label.serial_no} came for {expected}.")
        yield label
        expected += 1
    if expected != part.last + 1:
        raise LabelsOutOfOrder(f"{part.name}: the labels ended before {part.last}.")


def _check_start(kind: PrintFormat, part: FilePart, serial_no: int) -> int:
    """The number of the first label, if a file of this format may start or resume there."""
    step = BLOCK_SIZES.get(kind, part.last)
    if serial_no < part.first or (serial_no - part.first) % step:
        raise LabelsOutOfOrder(f"{part.name} can't go on at label {serial_no}.")
    return serial_no


def _csv_blocks(part: FilePart, labels: Iterator[Label]) -> Iterator[bytes]:
    for block in _label_blocks(labels, BLOCK_SIZES[PrintFormat.CSV]):
        start = csv_lines.header_line() if block[0].serial_no == part.first else b""
        yield start + csv_lines.code_lines(block)


def _label_blocks(labels: Iterator[Label], size: int) -> Iterator[list[Label]]:
    while block := list(itertools.islice(labels, size)):
        yield block
