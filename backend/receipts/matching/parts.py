"""What a line or a name says, part by part: words, codes, and the attributes that tell variants apart."""

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from backend.receipts.matching import vocabulary as words
from backend.receipts.matching.names import RUN, fold

NEGATIONS = frozenset(map(fold, ("без", "б", "б/", "without")))
# The spellings of a thread's side: inner (the nut's) and outer (the nipple's).
INNER = frozenset(map(fold, ("вн", "внутр", "в", "г")))
REPEATED = re.compile(r"([\s.])\1+")
MAINS = range(220, 251)
Collect = Callable[[str, str], None]


class Said(msgspec.Struct, frozen=True):
    """The parts of a text: each attribute's kind has the values said, as plain texts."""

    words: frozenset[str]
    codes: frozenset[str]
    attributes: dict[str, frozenset[str]]


@lru_cache(maxsize=1 << 15)
def said(name: str) -> Said:
    """Take a name apart; what is an attribute is no longer a word or a code."""
    values: dict[str, set[str]] = {}

    def collect(kind: str, value: str) -> None:
        values.setdefault(kind, set()).add(value)

    text = REPEATED.sub(r"\1", fold(name))
    for pattern, read in READERS:
        text = pattern.sub(lambda found, read=read: read(found, collect), text)  # type: ignore[misc]
    plain, codes = set(), set()
    for glued in words.GLUED.findall(text):
        run = "".join(RUN.findall(glued))
        attribute = attribute_of(run)
        if attribute:
            collect(*attribute)
        elif any(sign.isdigit() for sign in run):
            codes.add(run)
        elif len(run) > 1 and run not in words.STOP:
            plain.add(run)
    return Said(frozenset(plain), frozenset(codes), {kind: frozenset(found) for kind, found in values.items()})


@lru_cache(maxsize=1 << 15)
def attribute_of(word: str) -> tuple[str, str] | None:
    """The attribute that a word names by its beginning, if any."""
    for length in range(len(word), 2, -1):
        attribute = words.STEMS.get(word[:length])
        if attribute and (length > 4 or word[length:] in words.ENDINGS):
            return attribute
    return None


def number(text: str, factor: float = 1) -> str:
    """A number as one text: 0,90 and .9 are the same."""
    return f"{float(text.replace(',', '.')) * factor:g}"


def measure(found: re.Match[str], collect: Collect) -> str:
    kind, factor = words.UNITS[found.group(3)]
    for text in found.group(1, 2):
        if text is None:
            continue
        value = number(text, factor)
        if kind == "kelvin" and float(value) < 1000:
            return found.group()
        collect(kind, "mains" if kind == "volt" and float(value) in MAINS else value)
    return " "


def cross(found: re.Match[str], collect: Collect) -> str:
    """A profile or a cable: width by height, a third number is a length."""
    first, second, third, unit = found.groups()
    collect("cross", f"{number(first)}x{number(second)}")
    if third:
        collect("millimetre", number(third, words.UNITS[unit][1] if unit and unit.endswith("m") else 1))
    return " "


def inch(found: re.Match[str], collect: Collect) -> str:
    whole, above, below, only = found.groups()
    collect("inch", only or f"{int(whole or 0) + int(above) / int(below):g}")
    return " "


def curve(found: re.Match[str], collect: Collect) -> str:
    collect("curve", found.group(1))
    collect("ampere", found.group(2))
    return " "


def mount(found: re.Match[str], collect: Collect) -> str:
    """О/у and с/у: открытой and скрытой установки."""
    collect("mount", "surface" if found.group(1) == "o" else "flush")
    return " "


def ground(found: re.Match[str], collect: Collect) -> str:
    collect("ground", "no" if found.group(1) in NEGATIONS else "yes")
    return " "


def thread(found: re.Match[str], collect: Collect) -> str:
    collect("thread", "/".join(sorted("inner" if side in INNER else "outer" for side in found.groups())))
    return " "


def accompanied(found: re.Match[str], collect: Collect) -> str:
    """Without shutters, with shutters: the thing is the kind, by its beginning."""
    collect(f"with {found.group(3)[:4]}", "no" if NEGATIONS & set(found.group(1, 2)) else "yes")
    return " "


def valued(kind: str) -> Callable[[re.Match[str], Collect], str]:
    """A reader for a pattern whose first group is the value."""

    def read(found: re.Match[str], collect: Collect) -> str:
        collect(kind, found.group(1).replace(",", "."))
        return " "

    return read


READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Collect], str]], ...] = (
    (words.PROTECTION, valued("protection")),
    (words.RAL, valued("ral")),
    (words.BASE, valued("base")),
    (words.NAMED_CURVE, valued("curve")),
    (words.TINT, valued("tint")),
    (words.MOUNT, mount),
    (words.GROUND, ground),
    (words.COUNTED, valued("gang")),
    (words.POLES, valued("pole")),
    (words.INCH, inch),
    (words.CROSS, cross),
    (words.MEASURE, measure),
    (words.CURVE, curve),
    (words.DIAMETER, valued("diameter")),
    (words.THREAD, thread),
    (words.WITH, accompanied),
)
