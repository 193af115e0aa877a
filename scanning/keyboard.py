"""Keyboard layouts: scanners in keyboard wedge mode send keys, and a Cyrillic layout turns these into other letters.

The layouts are those of Windows, by rows from the key left of 1, first without and then with Shift.
"""

import re
from collections.abc import Iterator

_LATIN = r"""`1234567890-=qwertyuiop[]\asdfghjkl;'zxcvbnm,./""" + r"""~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?"""
_LAYOUTS = {
    "ru": r"""ё1234567890-=йцукенгшщзхъ\фывапролджэячсмитьбю."""
    r"""Ё!"№;%:?*()_+ЙЦУКЕНГШЩЗХЪ/ФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,""",
    "uk": r"""'1234567890-=йцукенгшщзхї\фівапролджєячсмитьбю."""
    r"""₴!"№;%:?*()_+ЙЦУКЕНГШЩЗХЇ/ФІВАПРОЛДЖЄЯЧСМИТЬБЮ,""",
    "be": r"""ё1234567890-=йцукенгшўзх'\фывапролджэячсмітьбю."""
    r"""Ё!"№;%:?*()_+ЙЦУКЕНГШЎЗХ'/ФЫВАПРОЛДЖЭЯЧСМІТЬБЮ,""",
    # Its digits are on the numeric keypad: the upper row has the letters of Kazakh.
    "kk": r"""("әіңғ,.үұқөһйцукенгшщзхъ\фывапролджэячсмитьбю№"""
    r""")!ӘІҢҒ;:ҮҰҚӨҺЙЦУКЕНГШЩЗХЪ/ФЫВАПРОЛДЖЭЯЧСМИТЬБЮ?""",
}
_TABLES = {name: str.maketrans(row, _LATIN) for name, row in _LAYOUTS.items()}
_LETTERS = {name: frozenset(sign for sign in row if sign.isalpha()) for name, row in _LAYOUTS.items()}
_KAZAKH = frozenset("әіңғүұқөһӘІҢҒҮҰҚӨҺ")
_LINK = re.compile(r"реез[ыі]?ж\.\.", re.IGNORECASE)  # http:// or https://


def is_link(text: str) -> bool:
    """Whether the text starts like a link that was typed on a Cyrillic layout."""
    return _LINK.match(text) is not None


def latin_readings(text: str) -> tuple[str, ...]:
    """The same keys on a Latin layout: one text for each Cyrillic layout that has all letters of this text.

    Empty if no letter is Cyrillic, or one is Latin, which no such layout types. Layouts mostly agree.
    """
    if text.isascii() or any(sign.isascii() and sign.isalpha() for sign in text):
        return ()
    letters = {sign for sign in text if sign.isalpha()}
    return tuple(dict.fromkeys(_layout_readings(text, letters))) if letters else ()


def _layout_readings(text: str, letters: set[str]) -> Iterator[str]:
    for name, table in _TABLES.items():
        if letters <= _LETTERS[name] and (name != "kk" or _is_kazakh(text, letters)):
            yield text.translate(table)


def _is_kazakh(text: str, letters: set[str]) -> bool:
    """Whether the text has letters of Kazakh only: they are in place of the digits, which this layout cannot type."""
    return bool(letters & _KAZAKH) and not any(sign in "0123456789" for sign in text)
