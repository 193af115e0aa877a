"""A batch as files: parts, resuming, and the same bytes each time."""

import csv
import hashlib
import io
import itertools
import random
import re
import tracemalloc
import zipfile

import pytest

from backend.earning.packages.print_runs.labels import files
from backend.earning.packages.print_runs.labels.files import BLOCK_SIZES, LabelsOutOfOrder, PrintFormat
from backend.earning.packages.print_runs.labels.label_design import Label, LabelDesign, LabelRefused
from scanning.codes.symbols import ALPHABET

DESIGN = LabelDesign(name="Радиатор «Тепло-500»", sku="RB-500/10")
ZPL_LABEL = re.compile(
    r"\^XA\^PW(?P<width>\d+)\^LL(?P<height>\d+)\^LH0,0\n"
    r"(?P<shared>\^FO0,0\^XGR:SBLABEL\.GRF,1,1\^FS\n)?"
    r"\^BY2,3,1\^FO\d+,\d+\^BQN,2,(?P<module>\d+)\^FDMA,(?P<url>[^^~]+)\^FS\n"
    r"(?P<typed>(?:\^FO\d+,\d+(?:\^FB\d+,1,0,C)?\^A0N,\d+,\d+\^FD[0-9A-Z-]+\^FS\n){1,2})"
    r"\^XZ\n"
)


def test_csv_has_position_code_and_url():
    labels = make_labels(1, 3)

    text = make_file(PrintFormat.CSV, labels).decode()

    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert text.startswith("position,code,grouped,url\r\n")
    assert text.endswith("\r\n")
    assert [(int(row["position"]), row["code"], row["url"]) for row in rows] == labels
    assert all(row["grouped"].replace("-", "") == row["code"] for row in rows)
    assert all(re.fullmatch(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}", row["grouped"]) for row in rows)


@pytest.mark.parametrize(("dpi", "module", "width"), [(203, 4, 560), (300, 6, 840), (600, 12, 1680)])
def test_zpl_has_label_with_url_and_code(dpi, module, width):
    labels = make_labels(1, 5)
    design = LabelDesign(name="Радиатор", dpi=dpi, module_mm=0.4 if dpi == 600 else 0.5)
    expected_module = 10 if dpi == 600 else module

    text = make_file(PrintFormat.ZPL, labels, design=design).decode("ascii")

    read = [match.groupdict() for match in ZPL_LABEL.finditer(text)]
    typed = ["".join(re.findall(r"\^FD([0-9A-Z-]+)\^FS", label["typed"])).replace("-", "") for label in read]
    assert text.count("^XA") == text.count("^XZ") == len(read) == 5
    assert [label["url"] for label in read] == [label.url for label in labels]
    assert typed == [label.code for label in labels]
    assert {int(label["module"]) for label in read} == {expected_module}
    assert {int(label["width"]) for label in read} == {width}


def test_zpl_sends_cyrillic_name_as_graphic_first():
    text = make_file(PrintFormat.ZPL, make_labels(1, 1)).decode("ascii")

    size, row, dots = re.match(r"~DGR:SBLABEL\.GRF,(\d+),(\d+),([0-9A-F]+)\n\^XA", text).groups()
    dark = bytes.fromhex(dots)
    assert len(dark) == int(size)
    assert int(row) == 560 // 8
    assert 0.01 < sum(byte.bit_count() for byte in dark) / (len(dark) * 8) < 0.2


def test_zpl_without_name_and_sku_has_no_graphic():
    text = make_file(PrintFormat.ZPL, make_labels(1, 1), design=LabelDesign()).decode("ascii")

    assert text.startswith("^XA")
    assert "^XG" not in text


def test_zpl_with_too_large_module_is_refused():
    with pytest.raises(LabelRefused, match="at most 10"):
        make_file(PrintFormat.ZPL, make_labels(1, 1), design=LabelDesign(dpi=600))


@pytest.mark.parametrize("kind", PrintFormat)
def test_same_labels_give_same_bytes(kind):
    labels = make_labels(1, 60)

    first, second = make_file(kind, labels), make_file(kind, labels)

    assert len(first) > 1000
    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


@pytest.mark.parametrize("kind", BLOCK_SIZES)
@pytest.mark.parametrize("number", [1, 2])
def test_interrupted_file_resumes_to_same_bytes(kind, number, monkeypatch):
    monkeypatch.setitem(files.BLOCK_SIZES, kind, 10)
    monkeypatch.setitem(files.FILE_SIZES, kind, 40)
    part = files.file_part(kind, number, labels=75, design=DESIGN, stem="batch")
    labels = make_labels(part.first, part.last)
    whole = list(files.render_part(kind, part, labels, DESIGN))

    for done in range(1, len(whole)):
        rest = files.render_part(kind, part, labels[10 * done :], DESIGN)
        assert b"".join([*whole[:done], *rest]) == b"".join(whole)

    assert len(whole) == 4


@pytest.mark.parametrize("kind", PrintFormat)
def test_parts_of_batch_have_each_label_once(kind, monkeypatch):
    monkeypatch.setitem(files.FILE_SIZES, kind, 50)
    count = files.count_parts(kind, 120, DESIGN)

    parts = [files.file_part(kind, number, labels=120, design=DESIGN, stem="batch-7") for number in range(1, count + 1)]

    positions = [list(range(part.first, part.last + 1)) for part in parts]
    assert list(itertools.chain(*positions)) == list(range(1, 121))
    assert len({part.name for part in parts}) == 3
    assert parts[1].name.startswith("batch-7.00002-of-00003.")


def test_label_sheet_disables_print_scaling():
    content = make_file(PrintFormat.PDF, make_labels(1, 24))

    assert b"/ViewerPreferences" in content
    assert re.search(rb"/PrintScaling\s*/None", content)


def test_pdf_files_end_with_full_sheet():
    assert files.labels_per_file(PrintFormat.PDF, DESIGN) == 9_984
    assert files.labels_per_file(PrintFormat.PDF, DESIGN) % 24 == 0


@pytest.mark.parametrize("wrong", [{"number": 0}, {"number": 3}, {"stem": "../x"}, {"stem": ""}])
def test_missing_part_is_refused(wrong):
    arguments = {"number": 1, "stem": "batch"} | wrong

    with pytest.raises(ValueError, match=r"no file|Not a file name"):
        files.file_part(PrintFormat.SVG, arguments["number"], labels=20_000, design=DESIGN, stem=arguments["stem"])


@pytest.mark.parametrize("kind", PrintFormat)
@pytest.mark.parametrize(
    "handed",
    [[], [1, 2], [1, 2, 4], [1, 2, 2, 3], [2, 3], [1, 2, 3, 4]],
    ids=["none", "too few", "a gap", "one twice", "begun late", "too many"],
)
def test_file_with_missing_or_duplicate_labels_is_refused(kind, handed):
    part = files.file_part(kind, 1, labels=3, design=DESIGN, stem="batch")
    labels = [make_label(number) for number in handed]

    with pytest.raises(LabelsOutOfOrder):
        list(files.render_part(kind, part, labels, DESIGN))


@pytest.mark.parametrize("kind", [PrintFormat.SVG, PrintFormat.PNG])
def test_archive_is_uncompressed_and_listed(kind):
    labels = make_labels(1, 100)

    content = make_file(kind, labels)

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        rows = list(csv.DictReader(io.StringIO(archive.read("labels.csv").decode(), newline="")))
        assert archive.testzip() is None
    named = [f"{int(row['position']):09}-{row['grouped']}.{kind}" for row in rows]
    assert [entry.filename for entry in entries] == [*named, "labels.csv"]
    assert [row["url"] for row in rows] == [label.url for label in labels]
    # Bit 3 would put an entry's length after it, which some unpackers refuse.
    assert all(entry.flag_bits & 0x8 == 0 for entry in entries)


@pytest.mark.parametrize("kind", [PrintFormat.CSV, PrintFormat.ZPL, PrintFormat.SVG, PrintFormat.PNG])
def test_file_is_written_while_labels_arrive(kind, monkeypatch):
    if kind in BLOCK_SIZES:
        monkeypatch.setitem(files.BLOCK_SIZES, kind, 100)
    part = files.file_part(kind, 1, labels=400, design=DESIGN, stem="batch")
    consumed = []

    written = files.render_part(kind, part, (consumed.append(label) or label for label in make_labels(1, 400)), DESIGN)

    sizes, consumed_at = zip(*((len(chunk), len(consumed)) for chunk in written), strict=True)
    assert consumed_at[0] < 200
    assert len(sizes) >= 3
    assert max(sizes[:-1]) < 100_000


@pytest.mark.parametrize("kind", BLOCK_SIZES)
def test_memory_is_constant_for_any_file(kind, monkeypatch):
    monkeypatch.setitem(files.BLOCK_SIZES, kind, 100)
    peak_of(kind, 200)

    small, large = peak_of(kind, 300), peak_of(kind, 3000)

    assert large - small < 100_000


def peak_of(kind, count):
    """The most bytes that Python held while a file was made, its labels made one by one."""
    part = files.file_part(kind, 1, labels=count, design=DESIGN, stem="batch")
    labels = (make_label(number) for number in range(1, count + 1))
    tracemalloc.start()
    try:
        for _ in files.render_part(kind, part, labels, DESIGN):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def make_file(kind, labels, design=DESIGN):
    part = files.file_part(kind, 1, labels=len(labels), design=design, stem="batch")
    return b"".join(files.render_part(kind, part, labels, design))


def make_labels(first, last):
    return [make_label(number) for number in range(first, last + 1)]


def make_label(number):
    code = "".join(random.Random(number).choices(ALPHABET, k=16))
    return Label(number, code, f"HTTPS://EX.RU/C/{code}")
