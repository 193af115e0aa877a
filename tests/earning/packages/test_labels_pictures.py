"""Every picture that is made for print is read back."""

import io
import random
import re
import zipfile

import numpy as np
import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageFilter

from backend.earning.packages.print_runs.labels import files, label_picture
from backend.earning.packages.print_runs.labels.files import PrintFormat
from backend.earning.packages.print_runs.labels.label_design import Label, LabelDesign
from scanning.codes.symbols import ALPHABET

DESIGN = LabelDesign(name="Радиатор «Тепло-500», 10 секций", sku="RB-500/10")
SMALL = LabelDesign(name="Кран", sku="K-1/2", width_mm=25, height_mm=32, module_mm=0.4)


@pytest.mark.parametrize("design", [DESIGN, SMALL, LabelDesign(width_mm=210, height_mm=297, module_mm=5)])
def test_label_picture_is_readable_and_has_resolution(design):
    label = make_label(1)

    image = Image.open(io.BytesIO(label_picture.draw_label(label, design)))

    millimetres = [pixels / dpi * 25.4 for pixels, dpi in zip(image.size, image.info["dpi"], strict=True)]
    assert read(image) == [label.url]
    assert millimetres == pytest.approx([design.width_mm, design.height_mm], abs=0.1)


@pytest.mark.parametrize("angle", [7, 45, 90, 171, 263])
@pytest.mark.parametrize("design", [DESIGN, SMALL])
def test_rotated_blurred_label_picture_is_readable(design, angle):
    label = make_label(2)
    image = Image.open(io.BytesIO(label_picture.draw_label(label, design)))

    turned = image.rotate(angle, resample=Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    squeezed = io.BytesIO()
    turned.filter(ImageFilter.GaussianBlur(1.5)).save(squeezed, format="JPEG", quality=40)

    assert read(Image.open(squeezed)) == [label.url]


def test_picture_typeface_has_cyrillic():
    # A typeface without Cyrillic draws the same box for both names.
    drawn = {label_picture.draw_label(make_label(1), LabelDesign(name=name)) for name in ("Щётка", "Жёлоб", "Brush")}

    assert len(drawn) == 3


@pytest.mark.parametrize(("design", "dpi"), [(DESIGN, 150), (DESIGN, 300), (SMALL, 200)])
def test_all_labels_of_pdf_are_readable(design, dpi):
    across, down = design.sheet
    labels = make_labels(across * down + 2)

    pages = render_pages(make_file(PrintFormat.PDF, labels, design), dpi)

    assert [len(read(page)) for page in pages] == [across * down, 2]
    assert sorted(url for page in pages for url in read(page)) == sorted(label.url for label in labels)


def test_pdf_is_a4_with_codes_as_text():
    labels = make_labels(24)

    document = pypdfium2.PdfDocument(make_file(PrintFormat.PDF, labels))

    text = document[0].get_textpage().get_text_range()
    assert len(document) == 1
    assert [round(points / 72 * 25.4) for points in document[0].get_size()] == [210, 297]
    assert re.findall(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}", text) == [grouped(label.code) for label in labels]
    document.close()


def test_pdf_has_vector_codes_and_embedded_typefaces():
    content = make_file(PrintFormat.PDF, make_labels(1))

    assert b"/Subtype /Image" not in content
    assert content.count(b"/FontFile2") >= 2


@pytest.mark.parametrize("cut_marks", [True, False])
def test_cut_marks_are_at_label_corners(cut_marks):
    design = LabelDesign(width_mm=60, height_mm=40, columns=3, rows=7, cut_marks=cut_marks)

    page = np.asarray(render_pages(make_file(PrintFormat.PDF, make_labels(1), design), 300)[0])

    # The corner between the first four labels: 15 mm of paper at the left, 8.5 at the top.
    x, y = round((15 + 60) / 25.4 * 300), round((8.5 + 40) / 25.4 * 300)
    assert (page[y - 3 : y + 4, x - 3 : x + 4].min() < 128) == cut_marks


@pytest.mark.parametrize("dpi", [203, 300])
def test_zpl_graphic_leaves_quiet_zone_white(dpi):
    label = make_label(1)
    design = LabelDesign(name=DESIGN.name * 3, sku="RB", dpi=dpi)

    text = make_file(PrintFormat.ZPL, [label], design).decode("ascii")

    image = print_zpl(text)
    assert read(image) == [label.url]


def test_every_png_of_archive_is_readable():
    labels = make_labels(40)

    images = [Image.open(io.BytesIO(content)) for content in unzipped(make_file(PrintFormat.PNG, labels))]

    assert {image.mode for image in images} == {"1"}
    assert {image.size for image in images} == {(33 * 6, 33 * 6)}
    assert [read(image) for image in images] == [[label.url] for label in labels]


def test_every_svg_of_archive_is_readable():
    labels = make_labels(40)

    drawings = [content.decode() for content in unzipped(make_file(PrintFormat.SVG, labels))]

    assert all('width="16.500mm" height="16.500mm" viewBox="0 0 33 33"' in drawing for drawing in drawings)
    assert [read(draw_svg(drawing)) for drawing in drawings] == [[label.url] for label in labels]


def read(image):
    return [found.text for found in zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)]


def render_pages(content, dpi):
    document = pypdfium2.PdfDocument(content)
    pages = [page.render(scale=dpi / 72, grayscale=True).to_pil() for page in document]
    document.close()
    return pages


def draw_svg(drawing):
    """A raster of the SVG's last path, whose parts are all MX Y hW v1 h-W z."""
    dark = np.zeros((33, 33), dtype=bool)
    path = re.findall(r' d="([^"]+)"', drawing)[-1]
    parts = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", path)
    assert "".join(f"M{x} {y}h{width}v1h-{back}z" for x, y, width, back in parts) == path
    for x, y, width, back in parts:
        assert width == back
        dark[int(y), int(x) : int(x) + int(width)] = True
    return np.where(dark, 0, 255).astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)


def print_zpl(text):
    """What a printer makes of one label of ours: graphic and QR code, the latter a dot lower (^BY)."""
    row, dots = re.search(r"~DGR:SBLABEL\.GRF,\d+,(\d+),([0-9A-F]+)", text).groups()
    width, height = map(int, re.search(r"\^PW(\d+)\^LL(\d+)", text).groups())
    x, y, module, url = re.search(r"\^FO(\d+),(\d+)\^BQN,2,(\d+)\^FDMA,([^^]+)\^FS", text).groups()
    paper = np.zeros((height, int(row) * 8), dtype=bool)
    graphic = np.unpackbits(np.frombuffer(bytes.fromhex(dots), np.uint8)).reshape(-1, int(row) * 8)
    paper[: len(graphic)] |= graphic.astype(bool)
    made = zxingcpp.create_barcode(url, zxingcpp.BarcodeFormat.QRCode, ec_level="M")
    code = np.asarray(made.to_image(scale=int(module), add_quiet_zones=True)) == 0
    top, left = int(y) + 1 - 4 * int(module), int(x) - 4 * int(module)
    place = paper[top : top + len(code), left : left + len(code)]
    assert not place.any()
    place |= code
    return np.where(paper[:, :width], 0, 255).astype(np.uint8)


def unzipped(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [archive.read(name) for name in archive.namelist() if name != "labels.csv"]


def make_file(kind, labels, design=DESIGN):
    part = files.file_part(kind, 1, labels=len(labels), design=design, stem="batch")
    return b"".join(files.render_part(kind, part, labels, design))


def make_labels(count):
    return [make_label(number) for number in range(1, count + 1)]


def make_label(number):
    code = "".join(random.Random(number).choices(ALPHABET, k=16))
    return Label(number, code, f"HTTPS://EX.RU/C/{code}")


def grouped(code):
    return "-".join(code[start : start + 4] for start in range(0, 16, 4))
