"""Number formats (18.8.30, 18.8.31): whether a number is a date, and how a code of digits is shown."""

import re
from decimal import Decimal
from typing import Literal, NamedTuple

Shape = Literal["general", "date", "digits", "unit", "unknown"]

_BUILT_IN = {
    0: "General",
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    48: "##0.0E+0",
    49: "@",
}
# Dates and times in every language's version, 27 to 36 and 50 to 58 in Asian ones.
_DATES = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
_SKIPPED = re.compile(r'"[^"]*"|\\.|[_*].|\[[^\]]*\]')
_TOKEN = re.compile(r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|[_*].|\[(?P<bracket>[^\]]*)\]|(?P<sign>.)', re.DOTALL)
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_CONDITION = re.compile(r"\[[<>=]")
_PLACES = "0#?"
# Other currencies, thousands and millions, kopecks, a price for a hundred pieces.
_OTHER_UNIT = re.compile(r"[%$€£¥₴₸₺₼₾֏]|USD|EUR|CNY|KZT|BYN|UZS|UAH|грн|тенге|тыс|млн|млрд|коп|за\s*\d", re.IGNORECASE)


class NumberFormat(NamedTuple):
    """What a format makes of a number. `mask`: its places and literals, (sign, whether it is a place)."""

    shape: Shape
    mask: tuple[tuple[str, bool], ...] = ()


GENERAL = NumberFormat("general")


def built_in(number: int) -> NumberFormat:
    """A format that a file names only by its number."""
    if number in _DATES:
        return NumberFormat("date")
    return read(_BUILT_IN.get(number, "?/?"))


def read(code: str) -> NumberFormat:
    """A format that a file writes out; its first section counts, for numbers that are not negative."""
    section = _first_section(code)
    bare = _SKIPPED.sub("", section)
    if section.strip().lower() in ("general", "@", ""):
        return GENERAL
    if _ELAPSED.search(section) or re.search(r"[dmyhs]", bare, re.IGNORECASE):
        return NumberFormat("date")
    if _OTHER_UNIT.search(_section_literals(section)):
        return NumberFormat("unit")
    if _CONDITION.search(section):
        return NumberFormat("unknown")
    # What shows the whole number otherwise but loses none of it: thousands apart, or powers of ten.
    if re.fullmatch(r"[#0?]+,[#0?]+\s*|[#0?]+(\.[#0?]+)?E[+-][0#?]+", section, re.IGNORECASE):
        return GENERAL
    if re.search(r"[.,%/E@]", bare, re.IGNORECASE) or not any(sign in _PLACES for sign in bare):
        return NumberFormat("unknown")
    return NumberFormat("digits", tuple(_read_mask(section)))


def shown(value: Decimal, plain: str, number_format: NumberFormat) -> str | None:
    """The display of a number that is a code; None where it is unknown."""
    if number_format.shape == "general":
        return plain
    if number_format.shape != "digits" or value < 0 or value != value.to_integral_value():
        return None
    return _fill_mask(plain, number_format.mask)


def _fill_mask(digits: str, mask: tuple[tuple[str, bool], ...]) -> str:
    """Digits in their places from the right; the rest goes into the first place."""
    rest = list(digits.lstrip("0"))
    first = next(place for place, (_, is_place) in enumerate(mask) if is_place)
    found: list[str] = []
    for place in range(len(mask) - 1, -1, -1):
        sign, is_place = mask[place]
        if not is_place:
            found.append(sign)
            continue
        found.append(rest.pop() if rest else {"0": "0", "?": " "}.get(sign, ""))
        if place == first:
            found.extend(reversed(rest))
    return "".join(reversed(found)).strip()


def _read_mask(section: str) -> list[tuple[str, bool]]:
    mask: list[tuple[str, bool]] = []
    for token in _TOKEN.finditer(section):
        if token["sign"] and token["sign"] in _PLACES:
            mask.append((token["sign"], True))
        elif token["bracket"] is not None:
            # [$₽-419]: a sign and a locale; [Red] shows nothing.
            mask += [(sign, False) for sign in token["bracket"].partition("-")[0][1:] if token["bracket"][0] == "$"]
        else:
            mask += [(sign, False) for sign in token["quoted"] or token["escaped"] or token["sign"] or ""]
    return mask


def _section_literals(section: str) -> str:
    """All that a format shows besides the digits."""
    return "".join(sign for sign, is_place in _read_mask(section) if not is_place)


def _first_section(code: str) -> str:
    """The part before the first semicolon that is no literal."""
    for token in _TOKEN.finditer(code):
        if token["sign"] == ";":
            return code[: token.start()]
    return code


class Styles:
    """The formats of cells by the number of their style (18.8.10), taken from the events of a parser."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.codes: dict[int, str] = {}
        self.named: list[int] = []
        self.cells: list[tuple[int | None, int]] = []
        self.inside = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt" and "numFmtId" in attributes:
            self.codes[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
        elif name in ("cellXfs", "cellStyleXfs"):
            self.inside = name
        elif name == "xf" and self.inside:
            self._add_format(attributes)

    def _add_format(self, attributes: dict[str, str]) -> None:
        own = int(attributes["numFmtId"]) if "numFmtId" in attributes else None
        if self.inside == "cellStyleXfs":
            self.named.append(own or 0)
        else:
            self.cells.append((own, int(attributes.get("xfId", 0))))
        if len(self.cells) + len(self.named) > self.limit:
            raise ValueError("too many styles")

    def data(self, text: str) -> None:
        """Texts have no meaning here."""

    def end(self, name: str) -> None:
        if name == self.inside:
            self.inside = ""

    def formats(self) -> list[NumberFormat]:
        """The format of each cell style; one that names none has that of the named style below it."""
        known: dict[int, NumberFormat] = {}
        found = []
        for own, below in self.cells:
            number = own if own is not None else self.named[below] if 0 <= below < len(self.named) else 0
            if number not in known:
                known[number] = read(self.codes[number]) if number in self.codes else built_in(number)
            found.append(known[number])
        return found
