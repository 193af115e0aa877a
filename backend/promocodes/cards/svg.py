"""A card as SVG, written by hand. Where PT Sans is missing the reader's own face is squeezed to the same width."""

import base64
from xml.sax.saxutils import escape, quoteattr

from backend import typeface
from backend.promocodes.cards import colours
from backend.promocodes.cards import symbol as symbols
from backend.promocodes.cards.boxes import Box
from backend.promocodes.cards.shapes import Drawing, Line, Logo, Panel, Symbol
from backend.promocodes.cards.symbol import QUIET

FACES = "'PT Sans',Arial,'DejaVu Sans',sans-serif"
WEIGHTS = {typeface.REGULAR: "400", typeface.BOLD: "700"}


def file(drawing: Drawing, title: str) -> bytes:
    """An SVG file; `title` is what a screen reader says."""
    paper = drawing.paper
    width, height = _number(paper.width), _number(paper.height)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}{paper.unit}" height="{height}{paper.unit}"'
            f' viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>'
        ),
        _panel(Panel(Box(0, 0, paper.width, paper.height), 0, drawing.background)),
        *map(_panel, drawing.panels),
        _logo(drawing.logo) if drawing.logo else "",
        f"<g font-family={quoteattr(FACES)}>",
        *map(_line, drawing.lines),
        "</g>",
        _symbol(drawing.symbol),
        "</svg>\n",
    ]
    return "".join(parts).encode()


def _panel(panel: Panel) -> str:
    corners = f' rx="{_number(panel.radius)}"' if panel.radius else ""
    return f'<rect {_place(panel.box)}{corners} fill="{panel.fill}"/>'


def _logo(logo: Logo) -> str:
    content = base64.b64encode(logo.png).decode()
    return (
        f'<image {_place(logo.box)} preserveAspectRatio="xMinYMid meet" href="data:image/png;base64,{content}"/>'
    )  # fmt: skip


def _line(line: Line) -> str:
    anchor = ' text-anchor="middle"' if line.centred else ""
    return (
        f'<text x="{_number(line.x)}" y="{_number(line.baseline)}" font-size="{_number(line.size)}"'
        f' font-weight="{WEIGHTS[line.font]}" textLength="{_number(line.width)}" lengthAdjust="spacingAndGlyphs"'
        f'{anchor} fill="{line.fill}">{escape(line.text)}</text>'
    )


def _symbol(symbol: Symbol) -> str:
    box, side = symbol.box, len(symbol.rows) + 2 * QUIET
    scale = f"translate({_number(box.x)} {_number(box.y)}) scale({box.width / side:.6f})"
    path = symbols.path(symbol.rows)
    return f'<path transform="{scale}" shape-rendering="crispEdges" fill="{colours.DARK}" d="{path}"/>'


def _place(box: Box) -> str:
    x, y, width, height = map(_number, box)
    return f'x="{x}" y="{y}" width="{width}" height="{height}"'


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
