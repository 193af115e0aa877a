"""What tills and typists do to a name, each kind seen on real receipts."""

import random
import re
from collections.abc import Callable

LATIN = str.maketrans("АВЕКМНОРСТХаеорсух", "ABEKMHOPCTXaeopcyx")
CYRILLIC = str.maketrans("ABEKMHOPCTXaeopcyx", "АВЕКМНОРСТХаеорсух")


def upper(name: str, dice: random.Random) -> str:
    return name.upper()


def lower(name: str, dice: random.Random) -> str:
    return name.lower()


def lookalikes(name: str, dice: random.Random) -> str:
    """Some letters typed in the other alphabet."""
    return "".join(
        letter.translate(dice.choice((LATIN, CYRILLIC))) if dice.random() < 0.5 else letter for letter in name
    )


def double_spaces(name: str, dice: random.Random) -> str:
    return "".join(sign * 2 if sign == " " and dice.random() < 0.4 else sign for sign in name)


def cut(name: str, dice: random.Random) -> str:
    return name[: dice.randint(30, 40)]


def crossed(name: str, dice: random.Random) -> str:
    """The sign between two measures: x, х, × or *."""
    return re.sub(r"(?<=\d)[xх](?=\d)", lambda _: dice.choice("xх×*Х"), name)


def led(name: str, dice: random.Random) -> str:
    """A shop's own article, or an EAN of another kind, before the name."""
    number = dice.randint(100_000, 9_999_999)
    return (
        dice.choice((f"*{number} ", f"[{number}], ", f"1/1 {number}* ", f"{number} ", "*", "**", f"20{number:011} "))
        + name
    )


def dotted(name: str, dice: random.Random) -> str:
    return name.replace(". ", dice.choice((".. ", ".", "."))) + dice.choice(("", ".", " шт", " 1шт"))


def separators(name: str, dice: random.Random) -> str:
    """An article's separators lost or changed."""
    return re.sub(r"(?<=[0-9A-ZА-Я])-(?=[0-9A-ZА-Я])", lambda _: dice.choice((" ", "-", "/", "")), name)


def mistyped(name: str, dice: random.Random) -> str:
    """One letter of one long word lost, doubled or swapped."""
    words = list(re.finditer(r"[А-Яа-я]{7,}", name))
    if not words:
        return name
    at = dice.choice(words).start() + dice.randint(2, 5)
    return dice.choice((name[:at] + name[at + 1 :], name[:at] + name[at] + name[at:], swapped(name, at)))


def swapped(name: str, at: int) -> str:
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


def shuffled(name: str, dice: random.Random) -> str:
    """The last word first."""
    head, _, last = name.rpartition(" ")
    return f"{last} {head}".strip()


KINDS: tuple[Callable[[str, random.Random], str], ...] = (
    upper,
    lower,
    lookalikes,
    double_spaces,
    cut,
    crossed,
    led,
    dotted,
    separators,
    mistyped,
    shuffled,
)


def noisy(name: str, dice: random.Random) -> str:
    """None to three kinds of noise; the cut comes last, as it does in a till."""
    kinds = dice.sample(KINDS, dice.choice((0, 1, 1, 2, 2, 3)))
    for kind in sorted(kinds, key=lambda kind: kind is cut):
        name = kind(name, dice)
    return name
