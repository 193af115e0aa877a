"""Parses a line or a name into words, codes, and the attributes that distinguish variants."""

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from backend.earning.receipts.matching import vocabulary as words
from backend.earning.receipts.matching.names import RUN, fold_text

NEGATIONS = frozenset(map(fold_text, ("без", "б", "б/", "without")))
# The spellings of a thread's side: inner (the nut's) and outer (the nipple's).
INNER = frozenset(map(fold_text, ("вн", "внутр", "в", "г")))
REPEATED = re.compile(r"([\s.])\1+")
MAINS = range(220, 251)
Collect = Callable[[str, str], None]


class NameParts(msgspec.Struct, frozen=True):
    """The parts of a text. `attributes`: the values of each kind, as normalised texts."""

    words: frozenset[str]
    codes: frozenset[str]
    attributes: dict[str, frozenset[str]]


@lru_cache(maxsize=1 << 15)
def parse_name(name: str) -> NameParts:
    """Split a name into its parts; attributes are not words or codes."""
    values: dict[str, set[str]] = {}

    def collect(kind: str, value: str) -> None:
        values.setdefault(kind, set()).add(value)

    text = REPEATED.sub(r"\1", fold_text(name))
    for pattern, read in READERS:
        text = pattern.sub(lambda found, read=read: read(found, collect), text)  # type: ignore[misc]
    plain, codes = set(), set()
    for glued in words.GLUED.findall(text):
        run = "".join(RUN.findall(glued))
        attribute = attribute_of(run)
        if attribute:
            collect(*attribute)
        elif any(character.isdigit() for character in run):
            codes.add(run)
        elif len(run) > 1 and run not in words.STOP:
            plain.add(run)
    return NameParts(frozenset(plain), frozenset(codes), {kind: frozenset(found) for kind, found in values.items()})


@lru_cache(maxsize=1 << 15)
def attribute_of(word: str) -> tuple[str, str] | None:
    """The attribute that a word means by its stem, None if it is none."""
    for length in range(len(word), 2, -1):
        attribute = words.STEMS.get(word[:length])
        if attribute and (length > 4 or word[length:] in words.ENDINGS):
            return attribute
    return None


def normalize_number(text: str, factor: float = 1) -> str:
    """A number as a normalised text: 0,90 and .9 are equal."""
    return f"{float(text.replace(',', '.')) * factor:g}"


def read_measure(found: re.Match[str], collect: Collect) -> str:
    kind, factor = words.UNITS[found.group(3)]
    for text in found.group(1, 2):
        if text is None:
            continue
        value = normalize_number(text, factor)
        if kind == "kelvin" and float(value) < 1000:
            return found.group()
        collect(kind, "mains" if kind == "volt" and float(value) in MAINS else value)
    return " "


def read_cross_section(found: re.Match[str], collect: Collect) -> str:
    """Read a profile or a cable: width by height; a third number is a length."""
    first, second, third, unit = found.groups()
    collect("cross", f"{normalize_number(first)}x{normalize_number(second)}")
    if third:
        collect("millimetre", normalize_number(third, words.UNITS[unit][1] if unit and unit.endswith("m") else 1))
    return " "


def read_inches(found: re.Match[str], collect: Collect) -> str:
    whole, above, below, only = found.groups()
    collect("inch", only or f"{int(whole or 0) + int(above) / int(below):g}")
    return " "


def read_curve(found: re.Match[str], collect: Collect) -> str:
    collect("curve", found.group(1))
    collect("ampere", found.group(2))
    return " "


def read_mount(found: re.Match[str], collect: Collect) -> str:
    """Read о/у and с/у: surface and flush mounting (открытой и скрытой установки)."""
    collect("mount", "surface" if found.group(1) == "o" else "flush")
    return " "


def read_ground(found: re.Match[str], collect: Collect) -> str:
    collect("ground", "no" if found.group(1) in NEGATIONS else "yes")
    return " "


def read_thread(found: re.Match[str], collect: Collect) -> str:
    collect("thread", "/".join(sorted("inner" if side in INNER else "outer" for side in found.groups())))
    return " "


def read_accessory(found: re.Match[str], collect: Collect) -> str:
    """Read "with shutters" and "without shutters": the kind is the start of the noun."""
    collect(f"with {found.group(3)[:4]}", "no" if NEGATIONS & set(found.group(1, 2)) else "yes")
    return " "


def value_reader(kind: str) -> Callable[[re.Match[str], Collect], str]:
    """A reader for a pattern whose first group is the value."""

    def read(found: re.Match[str], collect: Collect) -> str:
        collect(kind, found.group(1).replace(",", "."))
        return " "

    return read


READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Collect], str]], ...] = (
    (words.PROTECTION, value_reader("protection")),
    (words.RAL, value_reader("ral")),
    (words.BASE, value_reader("base")),
    (words.NAMED_CURVE, value_reader("curve")),
    (words.TINT, value_reader("tint")),
    (words.MOUNT, read_mount),
    (words.GROUND, read_ground),
    (words.COUNTED, value_reader("gang")),
    (words.POLES, value_reader("pole")),
    (words.INCH, read_inches),
    (words.CROSS, read_cross_section),
    (words.MEASURE, read_measure),
    (words.CURVE, read_curve),
    (words.DIAMETER, value_reader("diameter")),
    (words.THREAD, read_thread),
    (words.WITH, read_accessory),
)
