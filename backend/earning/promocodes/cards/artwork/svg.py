"""A card as SVG. If PT Sans is missing, `textLength` fits the reader's typeface to the same width."""

import base64
from xml.sax.saxutils import escape, quoteattr

from backend.core.tabular.output import typeface
from backend.earning.promocodes.cards.artwork import colours
from backend.earning.promocodes.cards.artwork import symbol as symbols
from backend.earning.promocodes.cards.artwork.boxes import Box
from backend.earning.promocodes.cards.artwork.shapes import Drawing, Logo, Panel, Symbol, TextLine
from backend.earning.promocodes.cards.artwork.symbol import QUIET

FACES = "'PT Sans',Arial,'DejaVu Sans',sans-serif"
WEIGHTS = {typeface.REGULAR: "400", typeface.BOLD: "700"}


def draw_svg(drawing: Drawing, title: str) -> bytes:
    """An SVG file; `title` is the text for screen readers."""
    paper = drawing.paper
    width, height = _decimal_text(paper.width), _decimal_text(paper.height)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}{paper.unit}" height="{height}{paper.unit}"'
            f' viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>'
        ),
        _panel_element(Panel(Box(0, 0, paper.width, paper.height), 0, drawing.background)),
        *map(_panel_element, drawing.panels),
        _logo_element(drawing.logo) if drawing.logo else "",
        f"<g font-family={quoteattr(FACES)}>",
        *map(_text_element, drawing.lines),
        "</g>",
        _symbol_element(drawing.symbol),
        "</svg>\n",
    ]
    return "".join(parts).encode()


def _panel_element(panel: Panel) -> str:
    corners = f' rx="{_decimal_text(panel.radius)}"' if panel.radius else ""
    return f'<rect {_box_attributes(panel.box)}{corners} fill="{panel.fill}"/>'


def _logo_element(logo: Logo) -> str:
    content = base64.b64encode(logo.png).decode()
    box = _box_attributes(logo.box)
    return f'<image {box} preserveAspectRatio="xMinYMid meet" href="data:image/png;base64,{content}"/>'


def _text_element(line: TextLine) -> str:
    anchor = ' text-anchor="middle"' if line.centred else ""
    return (
        f'<text x="{_decimal_text(line.x)}" y="{_decimal_text(line.baseline)}" font-size="{_decimal_text(line.size)}"'
        f' font-weight="{WEIGHTS[line.font]}" textLength="{_decimal_text(line.width)}" lengthAdjust="spacingAndGlyphs"'
        f'{anchor} fill="{line.fill}">{escape(line.text)}</text>'
    )


def _symbol_element(symbol: Symbol) -> str:
    box, side = symbol.box, len(symbol.rows) + 2 * QUIET
    scale = f"translate({_decimal_text(box.x)} {_decimal_text(box.y)}) scale({box.width / side:.6f})"
    path = symbols.svg_path(symbol.rows)
    return f'<path transform="{scale}" shape-rendering="crispEdges" fill="{colours.DARK}" d="{path}"/>'


def _box_attributes(box: Box) -> str:
    x, y, width, height = map(_decimal_text, box)
    return f'x="{x}" y="{y}" width="{width}" height="{height}"'


def _decimal_text(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
