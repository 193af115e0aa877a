"""Labels for label printers, in ZPL II (Zebra's programming guide P1099958; most other makes read it)."""

from collections.abc import Sequence
from functools import lru_cache

from PIL import Image, ImageDraw

from backend.earning.packages.print_runs.labels import label_picture, layout, qr_code
from backend.earning.packages.print_runs.labels.label_design import DOTS_PER_MM, Label, LabelDesign, LabelRefused
from backend.earning.packages.print_runs.labels.layout import Layout
from scanning.codes import package

GRAPHIC = "R:SBLABEL.GRF"
LARGEST_MAGNIFICATION = 10
# A printer shifts a QR code down by the bar code height of ^BY, which it remembers between jobs; so it is set.
BAR_CODE_HEIGHT = 1


def labels_zpl(labels: Sequence[Label], design: LabelDesign) -> bytes:
    """The ZPL of labels, one ^XA..^XZ each, after their shared graphic; raises `LabelRefused`.

    Name and SKU are sent once a block as a graphic: whether a printer's own typeface has Cyrillic depends on its
    firmware. After a power cut the printer prints correctly from the next block on.
    """
    dots = DOTS_PER_MM[design.dpi]
    shared = _shared_graphic_commands(layout.plan_layout(design, qr_code.symbol_side(labels[0].url), dots), design)
    return (shared + "".join(_label_commands(label, design) for label in labels)).encode("ascii")


def _label_commands(label: Label, design: LabelDesign) -> str:
    dots = DOTS_PER_MM[design.dpi]
    placed = layout.plan_layout(design, qr_code.symbol_side(label.url), dots)
    return f"{_head_commands(placed, design)}{label.url}^FS\n{_typed_code_commands(placed, label.code, design)}^XZ\n"


@lru_cache(maxsize=16)
def _head_commands(placed: Layout, design: LabelDesign) -> str:
    """The start of a label up to the QR code's data: size, graphic, place; level M, automatic mode (^FDMA)."""
    dots = DOTS_PER_MM[design.dpi]
    magnification = round(placed.module * dots)
    if magnification > LARGEST_MAGNIFICATION:
        raise LabelRefused(f"A label printer's QR code has at most 10 dots a module, this has {magnification}.")
    width, height = round(design.width_mm * dots), round(design.height_mm * dots)
    shared = f"^FO0,0^XG{GRAPHIC},1,1^FS\n" if placed.lines else ""
    x, y = round(placed.x * dots), round(placed.y * dots) - BAR_CODE_HEIGHT
    return f"^XA^PW{width}^LL{height}^LH0,0\n{shared}^BY2,3,{BAR_CODE_HEIGHT}^FO{x},{y}^BQN,2,{magnification}^FDMA,"


def _typed_code_commands(placed: Layout, code: str, design: LabelDesign) -> str:
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
def _shared_graphic_commands(placed: Layout, design: LabelDesign) -> str:
    """The download (~DG) of the graphic with name and SKU; empty if there is neither."""
    if not placed.lines:
        return ""
    dots = DOTS_PER_MM[design.dpi]
    lowest = max(line.baseline + line.size for line in placed.lines)
    paper = Image.new("1", (round(design.width_mm * dots), round(lowest * dots)), color=0)
    label_picture.draw_lines(ImageDraw.Draw(paper), placed.lines, dots, ink=1)
    row = (paper.width + 7) // 8
    dark = paper.tobytes()  # a bit a dot, 1 is dark, rows padded to bytes: as ~DG wants it
    return f"~DG{GRAPHIC},{len(dark)},{row},{dark.hex().upper()}\n"
