"""Sheets of labels: A4 pages in PDF, the QR codes as filled squares, the typeface embedded."""

import io
import math
from collections.abc import Iterable, Iterator

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from backend.core.tabular.output import typeface
from backend.earning.packages.print_runs.labels import layout, qr_code
from backend.earning.packages.print_runs.labels.label_design import A4_MM, Label, LabelDesign
from backend.earning.packages.print_runs.labels.layout import Layout, TextLine
from scanning.codes import package

POINTS = 72 / 25.4  # in a millimetre
A4_POINTS = (A4_MM[0] * POINTS, A4_MM[1] * POINTS)
MARK_MM, MARK_WIDTH_MM = 1.0, 0.1
SLICE_BYTES = 1 << 18

# Pages in plain bytes: writing them as base 85 makes a file a quarter larger and costs a third of the time.
rl_config.useA85 = 0


def write_sheets(labels: Iterable[Label], design: LabelDesign, *, title: str) -> Iterator[bytes]:
    """One PDF, in slices; raises `LabelRefused`.

    The cross-reference table of a PDF comes last and reportlab holds the compressed pages until then: some 30 MB for
    10,000 labels. So the files of a batch have a limited size, and a file cannot be resumed.
    """
    buffer = io.BytesIO()
    # Without `invariant` the file would contain its time of creation and so differ each time.
    canvas = Canvas(buffer, pagesize=A4_POINTS, pageCompression=1, invariant=1)
    canvas.setTitle(title)
    typeface.print_to_scale(canvas)
    _draw_labels(canvas, labels, design)
    canvas.save()
    view = buffer.getbuffer()
    for start in range(0, len(view), SLICE_BYTES):
        yield bytes(view[start : start + SLICE_BYTES])


def _draw_labels(canvas: Canvas, labels: Iterable[Label], design: LabelDesign) -> None:
    across, down = design.sheet
    left, top = _first_corner(design)
    for index, label in enumerate(labels):
        row, column = divmod(index % (across * down), across)
        if row == column == 0:
            _begin_page(canvas, design, first=index == 0)
        canvas.saveState()
        # From here on the upper left corner of the label is the origin; y still goes up.
        x, y = left + column * design.width_mm, top + row * design.height_mm
        canvas.translate(x * POINTS, (A4_MM[1] - y) * POINTS)
        _draw_label(canvas, label, design)
        canvas.restoreState()


def _first_corner(design: LabelDesign) -> tuple[float, float]:
    """The corner of the first label on a sheet with centred labels."""
    across, down = design.sheet
    return (A4_MM[0] - across * design.width_mm) / 2, (A4_MM[1] - down * design.height_mm) / 2


def _begin_page(canvas: Canvas, design: LabelDesign, *, first: bool) -> None:
    if not first:
        canvas.showPage()
    if not design.cut_marks:
        return
    if first:
        canvas.beginForm("marks")
        _draw_marks(canvas, design)
        canvas.endForm()
    canvas.doForm("marks")


def _draw_marks(canvas: Canvas, design: LabelDesign) -> None:
    """A small cross where corners of labels meet; its arms stay within the labels' margins."""
    across, down = design.sheet
    left, top = _first_corner(design)
    arm = MARK_MM * POINTS
    canvas.setLineWidth(MARK_WIDTH_MM * POINTS)
    for column in range(across + 1):
        for row in range(down + 1):
            x = (left + column * design.width_mm) * POINTS
            y = (A4_MM[1] - top - row * design.height_mm) * POINTS
            canvas.line(x - arm, y, x + arm, y)
            canvas.line(x, y - arm, x, y + arm)


def _draw_label(canvas: Canvas, label: Label, design: LabelDesign) -> None:
    side = qr_code.symbol_side(label.url)
    placed = layout.plan_layout(design, side)
    # The content that all labels share is in the file once.
    shared = f"label{side}"
    if not canvas.hasForm(shared):
        canvas.beginForm(shared, lowery=-math.ceil(design.height_mm * POINTS), uppery=0)
        _write_lines(canvas, placed.lines)
        canvas.endForm()
    canvas.doForm(shared)
    _write_lines(canvas, placed.typed(package.grouped(label.code)))
    _draw_symbol(canvas, label.url, placed)


def _draw_symbol(canvas: Canvas, url: str, placed: Layout) -> None:
    """All dark modules as one path, so that no hairline shows between neighbours; a module is one unit."""
    module = placed.module * POINTS
    canvas.translate(placed.x * POINTS, -placed.y * POINTS)
    canvas.scale(module, -module)
    squares = [f"{x} {y} {width} 1 re" for x, y, width in qr_code.symbol_runs(url)]
    canvas.drawPath(PDFPathObject(code=squares), stroke=0, fill=1)


def _write_lines(canvas: Canvas, lines: Iterable[TextLine]) -> None:
    for line in lines:
        canvas.setFont(typeface.outlines(line.font).fontName, line.size * POINTS)
        write = canvas.drawCentredString if line.centred else canvas.drawString
        write(line.x * POINTS, -line.baseline * POINTS, line.text)
