"""A card as pixels, by Pillow."""

import io

import numpy as np
from PIL import Image, ImageDraw

from backend.core.tabular.output import typeface
from backend.earning.promocodes.cards.artwork import colours
from backend.earning.promocodes.cards.artwork.content import PRINT_DPI
from backend.earning.promocodes.cards.artwork.shapes import Drawing, Logo, Panel, Symbol
from backend.earning.promocodes.cards.artwork.symbol import QUIET

SMOOTH = 4  # round corners are drawn so many times larger and made small again


def file(drawing: Drawing) -> bytes:
    """A PNG with its resolution of 300 dpi."""
    return encode_png(draw_picture(drawing))


def encode_png(paper: Image.Image) -> bytes:
    """A picture as a PNG for print."""
    content = io.BytesIO()
    paper.save(content, format="PNG", dpi=(PRINT_DPI, PRINT_DPI))
    return content.getvalue()


def draw_picture(drawing: Drawing) -> Image.Image:
    """The card in full size."""
    dots = drawing.paper.dots
    size = round(drawing.paper.width * dots), round(drawing.paper.height * dots)
    paper = Image.new("RGB", size, color=drawing.background)
    for panel in drawing.panels:
        _fill_panel(paper, panel, dots)
    if drawing.logo:
        _paste_logo(paper, drawing.logo, dots)
    _draw_lines(paper, drawing)
    _paste_symbol(paper, drawing.symbol, dots)
    return paper


def _fill_panel(paper: Image.Image, panel: Panel, dots: float) -> None:
    width, height = round(panel.box.width * dots), round(panel.box.height * dots)
    mask = Image.new("L", (width * SMOOTH, height * SMOOTH))
    corner = (width * SMOOTH - 1, height * SMOOTH - 1)
    ImageDraw.Draw(mask).rounded_rectangle(((0, 0), corner), panel.radius * dots * SMOOTH, fill=255)
    place = round(panel.box.x * dots), round(panel.box.y * dots)
    paper.paste(panel.fill, (*place, place[0] + width, place[1] + height), mask.reduce(SMOOTH))


def _paste_logo(paper: Image.Image, logo: Logo, dots: float) -> None:
    with Image.open(io.BytesIO(logo.png)) as opened:
        image = opened.convert("RGBA")
    share = min(logo.box.width * dots / image.width, logo.box.height * dots / image.height)
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    small = image.resize(size, Image.Resampling.LANCZOS)
    top = logo.box.y * dots + (logo.box.height * dots - size[1]) / 2
    paper.paste(small, (round(logo.box.x * dots), round(top)), small)


def _draw_lines(paper: Image.Image, drawing: Drawing) -> None:
    dots, pen = drawing.paper.dots, ImageDraw.Draw(paper)
    for line in drawing.lines:
        font = typeface.pixels(line.font, round(line.size * dots))
        place = line.x * dots, line.baseline * dots
        pen.text(place, line.text, fill=line.fill, font=font, anchor="ms" if line.centred else "ls")


def _paste_symbol(paper: Image.Image, symbol: Symbol, dots: float) -> None:
    """Modules of whole pixels, in the middle of the panel; what is left over widens the quiet zone."""
    dark = np.pad(np.array(symbol.rows, dtype=bool), QUIET)
    side = int(symbol.box.width * dots)
    module = max(1, side // len(dark))
    mask = Image.fromarray(dark.repeat(module, axis=0).repeat(module, axis=1))
    spare = (side - mask.width) // 2
    place = round(symbol.box.x * dots) + spare, round(symbol.box.y * dots) + spare
    paper.paste(colours.DARK, (*place, place[0] + mask.width, place[1] + mask.height), mask)
