"""Labels for label printers, in ZPL II (Zebra's programming guide P1099958; most other makes read it)."""

from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageDraw

from backend.packages.labels import layout, picture, symbol
from backend.packages.labels.design import DOTS_PER_MM, Label, LabelDesign, LabelRefused
from backend.packages.labels.layout import Layout
from scanning import package

GRAPHIC = "R:SBLABEL.GRF"
LARGEST_MAGNIFICATION = 10
# A printer puts a QR code lower by the bar code height of ^BY, which it remembers between jobs; so it is set.
SINK = 1


def block(labels: Sequence[Label], design: LabelDesign) -> bytes:
    """Some labels, one ^XA..^XZ each, with what they share before them; raises `LabelRefused`.

    Name and SKU are sent once a block as a graphic: whether a printer's own type has Cyrillic depends on
    its firmware. After a power cut the printer goes on right at the next block.
    """
    dots = DOTS_PER_MM[design.dpi]
    shared = _shared(layout.plan(design, symbol.side(labels[0].url), dots), design)
    return (shared + "".join(_label(label, design) for label in labels)).encode("ascii")


def _label(label: Label, design: LabelDesign) -> str:
    dots = DOTS_PER_MM[design.dpi]
    placed = layout.plan(design, symbol.side(label.url), dots)
    return f"{_head(placed, design)}{label.url}^FS\n{_typed(placed, label.code, design)}^XZ\n"


@lru_cache(maxsize=16)
def _head(placed: Layout, design: LabelDesign) -> str:
    """A label up to the QR code's data: size, graphic, place; level M, mode chosen by the printer (^FDMA)."""
    dots = DOTS_PER_MM[design.dpi]
    magnification = round(placed.module * dots)
    if magnification > LARGEST_MAGNIFICATION:
        raise LabelRefused(f"A label printer's QR code has at most 10 dots a module, this has {magnification}.")
    width, height = round(design.width_mm * dots), round(design.height_mm * dots)
    shared = f"^FO0,0^XG{GRAPHIC},1,1^FS\n" if placed.lines else ""
    x, y = round(placed.x * dots), round(placed.y * dots) - SINK
    return f"^XA^PW{width}^LL{height}^LH0,0\n{shared}^BY2,3,{SINK}^FO{x},{y}^BQN,2,{magnification}^FDMA,"


def _typed(placed: Layout, code: str, design: LabelDesign) -> str:
    dots = DOTS_PER_MM[design.dpi]
    fields = []
    for line in placed.typed(package.grouped(code)):
        size = round(line.size * dots)
        y = round(line.baseline * dots) - size
        if line.centred:
            place = f"^FO0,{y}^FB{round(design.width_mm * dots)},1,0,C"
        else:
            place = f"^FO{round(line.x * dots)},{y}"
        fields.append(f"{place}^A0N,{size},{size}^FD{line.text}^FS\n")
    return "".join(fields)


@lru_cache(maxsize=16)
def _shared(placed: Layout, design: LabelDesign) -> str:
    """The download (~DG) of the graphic with name and SKU; nothing where there is neither."""
    if not placed.lines:
        return ""
    dots = DOTS_PER_MM[design.dpi]
    lowest = max(line.baseline + line.size for line in placed.lines)
    paper = Image.new("1", (round(design.width_mm * dots), round(lowest * dots)), color=0)
    picture.write_lines(ImageDraw.Draw(paper), placed.lines, dots, ink=1)
    row = (paper.width + 7) // 8
    dark = paper.tobytes()  # a bit a dot, 1 is dark, rows padded to bytes: as ~DG wants it
    return f"~DG{GRAPHIC},{len(dark)},{row},{dark.hex().upper()}\n"
