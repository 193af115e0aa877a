"""Spellings of a unit's marking code, as scanners, programs and people write it."""

import json
from urllib.parse import quote
from xml.sax.saxutils import escape

from hypothesis import strategies as st

GTIN = "04600439931256"
SET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
LATIN = r"""qwertyuiop[]\asdfghjkl;'zxcvbnm,./QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?@#$^&"""
LAYOUTS = {
    "ru": r"""йцукенгшщзхъ\фывапролджэячсмитьбю.ЙЦУКЕНГШЩЗХЪ/ФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,"№;:?""",
    "uk": r"""йцукенгшщзхї\фівапролджєячсмитьбю.ЙЦУКЕНГШЩЗХЇ/ФІВАПРОЛДЖЄЯЧСМИТЬБЮ,"№;:?""",
    "be": r"""йцукенгшўзх'\фывапролджэячсмітьбю.ЙЦУКЕНГШЎЗХ'/ФЫВАПРОЛДЖЭЯЧСМІТЬБЮ,"№;:?""",
    "kk": r"""йцукенгшщзхъ\фывапролджэячсмитьбю№ЙЦУКЕНГШЩЗХЪ/ФЫВАПРОЛДЖЭЯЧСМИТЬБЮ?""",
}
KAZAKH_ROW = str.maketrans("1234567890-=!%*()_+&^$#@", '"әіңғ,.үұқөһ!ҒҮҰҚӨҺ:;ҢІӘ')
OPENINGS = ("", "", "\x1d", "]d2", "]C1", "]Q3", "]e0", "]d2\x1d", "\xe8", "<FNC1>", "{GS}", " ", "\ufeff", "и")
SEPARATORS = (
    "\x1d",
    "\x1d\x1d",
    "\u241d",
    "\u2194",
    "<GS>",
    "<gs>",
    "{GS}",
    "[GS]",
    "(GS)",
    "<FNC1>",
    "\\x1d",
    "\\u001d",
    "&#29;",
    "&#x1D;",
    "&amp;#29;",
    "%1D",
    "%251D",
    "^]",
    "_x001D_",
    "|",
    " ",
    "\n",
    "~029",
    "GS",
    "",
)
TAILS = (
    ("91EE08", "92" + "dGVz" * 11),
    ("91EE08", "92" + "aB1+" * 22),
    ("93Ab3d",),
    ("8005112000", "93Ab3d"),
    ("17281231", "93xY_1"),
)


def layout(text: str, name: str) -> str:
    """What a keyboard wedge scanner types on a Cyrillic layout."""
    table = str.maketrans(LATIN, LAYOUTS[name] if name != "kk" else LAYOUTS["ru"])
    return text.translate(table | KAZAKH_ROW | {ord("/"): "№", ord("?"): "?"} if name == "kk" else table)


serials = st.text(SET_82, min_size=5, max_size=20) | st.text(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", min_size=6, max_size=13
)


@st.composite
def spellings(draw, gtin: str, serial: str) -> str:
    """A spelling of a unit, with its tail or without."""
    way = draw(st.sampled_from(["row", "row", "row", "layout", "brackets", "link", "percent", "xml", "json"]))
    if way == "link":
        return f"https://id.gs1.org/01/{gtin}/21/{quote(serial, safe='')}"
    if way == "brackets" and draw(st.booleans()):
        return f"01 {gtin} 21 {serial}"
    if way == "brackets":
        blank = draw(st.sampled_from(["", " "]))
        tail = draw(st.sampled_from(["", "(91)EE08(92)zz", "(93)abcd"]))
        return f"(01){blank}{gtin}{blank}(21){blank}{serial}{tail}"
    tail = draw(st.sampled_from(TAILS))
    if way == "layout":
        text = f"01{gtin}21{serial}" + "\x1d".join(["", *tail])
        return layout(text.replace("\x1d", draw(st.sampled_from(["", "\x1d"]))), draw(st.sampled_from(sorted(LAYOUTS))))
    if way == "percent":
        return quote(
            f"01{gtin}21{serial}" + "\x1d".join(["", *tail]), safe=draw(st.sampled_from(["", "/", "-_.!~*'()"]))
        )
    if way == "xml":
        body = escape(f"01{gtin}21{serial}", {'"': "&quot;", "'": "&apos;"}) + "&#29;" + "&#29;".join(tail)
        return escape(body) if draw(st.booleans()) else body
    if way == "json":
        return json.dumps(f"01{gtin}21{serial}" + "\x1d".join(["", *tail]))
    separator = draw(st.sampled_from(SEPARATORS))
    with_tail = draw(st.booleans())
    row = f"{draw(st.sampled_from(OPENINGS))}01{gtin}21{serial}"
    return row + (separator + separator.join(tail) if with_tail else "")
