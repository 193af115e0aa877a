"""A card as PDF, by reportlab; business cards ten on an A4 sheet, with marks to cut along."""

import io

from reportlab.lib.colors import HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.pdfgen.pathobject import PDFPathObject

from backend.core.tabular.output import typeface
from backend.earning.promocodes.cards.artwork import colours
from backend.earning.promocodes.cards.artwork import symbol as symbols
from backend.earning.promocodes.cards.artwork.shapes import Drawing, Logo, Panel, Symbol
from backend.earning.promocodes.cards.artwork.symbol import QUIET

POINTS = 72 / 25.4  # in a millimetre
A4_MM = (210.0, 297.0)  # ISO 216
ACROSS, DOWN = 2, 5
CARDS_PER_SHEET = ACROSS * DOWN
BLEED_MM = 2.0  # colour beyond the outer edges, so that an inexact cut shows no paper
MARK_FROM_MM, MARK_TO_MM = 3.0, 8.0  # from the edge of the cards


def draw_page(drawing: Drawing, title: str) -> bytes:
    """One page with the card, at 300 pixels to the inch where it is measured in pixels."""
    paper = drawing.paper
    content = io.BytesIO()
    canvas = _create_canvas(content, paper.width * paper.points, paper.height * paper.points, title)
    canvas.setFillColor(HexColor(drawing.background))
    canvas.rect(0, 0, paper.width * paper.points, paper.height * paper.points, stroke=0, fill=1)
    _draw_card(canvas, drawing, 0, paper.height * paper.points)
    canvas.save()
    return content.getvalue()


def draw_sheet(drawing: Drawing, title: str) -> bytes:
    """An A4 page with ten cards, two beside each other, and cut marks around them; the card is in millimetres."""
    paper = drawing.paper
    left, top = (A4_MM[0] - ACROSS * paper.width) / 2, (A4_MM[1] - DOWN * paper.height) / 2
    content = io.BytesIO()
    canvas = _create_canvas(content, A4_MM[0] * POINTS, A4_MM[1] * POINTS, title)
    canvas.setFillColor(HexColor(drawing.background))
    x, y = (left - BLEED_MM) * POINTS, (top - BLEED_MM) * POINTS
    canvas.rect(x, y, A4_MM[0] * POINTS - 2 * x, A4_MM[1] * POINTS - 2 * y, stroke=0, fill=1)
    for place in range(CARDS_PER_SHEET):
        row, column = divmod(place, ACROSS)
        corner = left + column * paper.width, A4_MM[1] - top - row * paper.height
        _draw_card(canvas, drawing, corner[0] * POINTS, corner[1] * POINTS)
    _draw_cut_marks(canvas, left, top, paper.width, paper.height)
    canvas.save()
    return content.getvalue()


def _create_canvas(content: io.BytesIO, width: float, height: float, title: str) -> Canvas:
    # Without `invariant` the file would contain its time of creation.
    canvas = Canvas(content, pagesize=(width, height), pageCompression=1, invariant=1)
    canvas.setTitle(title)
    typeface.print_to_scale(canvas)
    return canvas


def _draw_card(canvas: Canvas, drawing: Drawing, x: float, y: float) -> None:
    """One card whose upper left corner is at a point of the page; y goes up from here on."""
    points = drawing.paper.points
    canvas.saveState()
    canvas.translate(x, y)
    for panel in drawing.panels:
        _fill_panel(canvas, panel, points)
    if drawing.logo:
        _place_logo(canvas, drawing.logo, points)
    for line in drawing.lines:
        canvas.setFillColor(HexColor(line.fill))
        canvas.setFont(typeface.outlines(line.font).fontName, line.size * points)
        write = canvas.drawCentredString if line.centred else canvas.drawString
        write(line.x * points, -line.baseline * points, line.text)
    _draw_symbol(canvas, drawing.symbol, points)
    canvas.restoreState()


def _fill_panel(canvas: Canvas, panel: Panel, points: float) -> None:
    box = panel.box
    canvas.setFillColor(HexColor(panel.fill))
    x, y = box.x * points, -(box.y + box.height) * points
    canvas.roundRect(x, y, box.width * points, box.height * points, panel.radius * points, stroke=0, fill=1)


def _place_logo(canvas: Canvas, logo: Logo, points: float) -> None:
    box = logo.box
    x, y = box.x * points, -(box.y + box.height) * points
    image = ImageReader(io.BytesIO(logo.png))
    canvas.drawImage(
        image, x, y, box.width * points, box.height * points, mask="auto", preserveAspectRatio=True, anchor="w"
    )


def _draw_symbol(canvas: Canvas, symbol: Symbol, points: float) -> None:
    """All dark modules as one path, so that no hairline shows between neighbours; a module is one unit."""
    module = symbol.box.width * points / (len(symbol.rows) + 2 * QUIET)
    canvas.translate(symbol.box.x * points, -symbol.box.y * points)
    canvas.scale(module, -module)
    canvas.setFillColor(HexColor(colours.DARK))
    squares = [f"{x + QUIET} {y + QUIET} {width} 1 re" for x, y, width in symbols.dark_runs(symbol.rows)]
    canvas.drawPath(PDFPathObject(code=squares), stroke=0, fill=1)


def _draw_cut_marks(canvas: Canvas, left: float, top: float, width: float, height: float) -> None:
    """Short lines in the margins, where the knife goes; none inside, where they would stay on a card."""
    right, bottom = A4_MM[0] - left, A4_MM[1] - top
    canvas.setLineWidth(0.1 * POINTS)
    for column in range(ACROSS + 1):
        x = (left + column * width) * POINTS
        for edge, way in ((top, -1), (bottom, 1)):
            canvas.line(x, (edge + way * MARK_FROM_MM) * POINTS, x, (edge + way * MARK_TO_MM) * POINTS)
    for row in range(DOWN + 1):
        y = (top + row * height) * POINTS
        for edge, way in ((left, -1), (right, 1)):
            canvas.line((edge + way * MARK_FROM_MM) * POINTS, y, (edge + way * MARK_TO_MM) * POINTS, y)
