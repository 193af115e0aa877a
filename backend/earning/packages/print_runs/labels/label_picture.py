"""Pictures of a whole label or of a QR code: PNG at 300 dpi, SVG."""

import io
from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from backend.core.tabular.output import typeface
from backend.earning.packages.print_runs.labels import layout, qr_code
from backend.earning.packages.print_runs.labels.label_design import Label, LabelDesign
from backend.earning.packages.print_runs.labels.layout import TextLine
from backend.earning.packages.print_runs.labels.qr_code import QUIET
from scanning.codes import package

DPI = 300
DOTS_PER_MM = DPI / 25.4


def draw_label(label: Label, design: LabelDesign) -> bytes:
    """A PNG of one label with its text, as it looks in print, at 300 dpi; raises `LabelRefused`."""
    placed = layout.plan_layout(design, qr_code.symbol_side(label.url), DOTS_PER_MM)
    size = round(design.width_mm * DOTS_PER_MM), round(design.height_mm * DOTS_PER_MM)
    paper = Image.new("L", size, color=255)
    code = _enlarged_symbol(label.url, module=round(placed.module * DOTS_PER_MM), quiet=0)
    paper.paste(code, (round(placed.x * DOTS_PER_MM), round(placed.y * DOTS_PER_MM)))
    lines = [*placed.lines, *placed.typed(package.grouped(label.code))]
    draw_lines(ImageDraw.Draw(paper), lines, DOTS_PER_MM, ink=0)
    return _encode_png(paper)


def draw_symbol_png(label: Label, design: LabelDesign) -> bytes:
    """A PNG, black and white, of a label's QR code with its quiet zone; raises `LabelRefused`."""
    module = layout.round_up_to_dots(design.module_mm, DOTS_PER_MM) * DOTS_PER_MM
    return _encode_png(_enlarged_symbol(label.url, module=round(module), quiet=QUIET))


def draw_symbol_svg(label: Label, design: LabelDesign) -> bytes:
    """An SVG, in millimetres, of a label's QR code with its quiet zone; raises `LabelRefused`."""
    modules = qr_code.symbol_side(label.url) + 2 * QUIET
    millimetres = f"{modules * design.module_mm:.3f}mm"
    dark = "".join([f"M{x + QUIET} {y + QUIET}h{width}v1h-{width}z" for x, y, width in qr_code.symbol_runs(label.url)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{millimetres}" height="{millimetres}"'
        f' viewBox="0 0 {modules} {modules}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{modules}v{modules}h-{modules}z"/><path d="{dark}"/></svg>\n'
    ).encode()


def draw_lines(paper: ImageDraw.ImageDraw, lines: Iterable[TextLine], dots_per_mm: float, *, ink: int) -> None:
    """Draw lines of text on a picture with so many dots a millimetre."""
    for line in lines:
        font = typeface.pixels(line.font, round(line.size * dots_per_mm))
        place = line.x * dots_per_mm, line.baseline * dots_per_mm
        paper.text(place, line.text, fill=ink, font=font, anchor="ms" if line.centred else "ls")


def _enlarged_symbol(url: str, *, module: int, quiet: int) -> Image.Image:
    light = np.pad(~qr_code.symbol_modules(url), quiet, constant_values=True)
    return Image.fromarray(light.repeat(module, axis=0).repeat(module, axis=1))


def _encode_png(paper: Image.Image) -> bytes:
    file = io.BytesIO()
    paper.save(file, format="PNG", dpi=(DPI, DPI))
    return file.getvalue()
