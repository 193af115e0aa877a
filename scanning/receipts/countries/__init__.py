"""Receipts of other countries: recognises the country and reads the fields. Pure; no network, no clock."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import unquote

from scanning import escapes, keyboard, normalization
from scanning.receipts.countries import (
    al,
    at,
    br,
    by,
    de,
    es,
    hr,
    in_,
    ke,
    kg,
    kz,
    md,
    me,
    mx,
    pl,
    pt,
    rs,
    sa,
    si,
    sk,
    tr,
    ua,
    uz,
)
from scanning.receipts.countries.field_parser import Link
from scanning.receipts.countries.foreign import Foreign, ForeignInvalid

__all__ = ["LONGEST", "SHORTEST", "Foreign", "ForeignInvalid", "recognise"]

SHORTEST = 24  # characters: the identity of a receipt in Belarus
LONGEST = 4000  # characters; a QR code holds at most 4296

_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+)(?::[0-9]+)?(?P<path>/[^?]*|)(?:[?#]|$)",
    re.IGNORECASE | re.ASCII,
)

_ESCAPED_OPENINGS = ("http%3a", "https%3a", "http%253a", "https%253a")
_QUOTES = "\"'«»„“”‘’`"

_LinkReader = Callable[[Link], Foreign | None]
_TextReader = Callable[[str], Foreign | None]

_OF_LINKS = (kz, kg, rs, me, al, uz, hr, ua, md, es, pl, br, mx, ke)
_OF_TEXTS = (sk, by, at, de, pt, sa, in_, si, tr)

_BY_HOST: dict[str, tuple[str, _LinkReader]] = {
    host: (country.COUNTRY, country.read) for country in _OF_LINKS for host in country.HOSTS
}
_TEST_HOSTS = {host: country.COUNTRY for country in _OF_LINKS for host in country.TEST_HOSTS}
# By the first character, in lower case.
_BY_OPENING: dict[str, list[_TextReader]] = {}
for _country in _OF_TEXTS:
    for _opening in _country.OPENINGS:
        _BY_OPENING.setdefault(_opening, []).append(_country.read)


def recognise(text: str) -> Foreign | None:
    """The foreign receipt in the text of a QR code, or None where the text is no such thing.

    A text that was wrapped, escaped, quoted or typed by a scanner on a Cyrillic layout is the same receipt. Raises
    ForeignInvalid where the text is clearly one country's receipt, but damaged.
    """
    if not SHORTEST <= len(text) <= LONGEST:
        return None
    problem: ForeignInvalid | None = None
    for spelling in dict.fromkeys(_link_spellings(text.strip("\ufeff \t\r\n\x00"))):
        try:
            found = _recognise_spelling(spelling)
        except ForeignInvalid as error:
            problem = problem or error
            continue
        if found:
            return found
    if problem:
        raise problem
    return None


def _link_spellings(text: str) -> Iterator[str]:
    """The text as it is, and all that it may have been before it was copied.

    Each first with its spaces, then without: a space may be a decoded plus sign.
    """
    yield text
    text = normalization.remove_invisible(text)
    yield text
    while text[:12].lower().startswith(_ESCAPED_OPENINGS):
        text = unquote(text)
    unescaped = escapes.unescape(escapes.unescape_blanks(text))
    unquoted = normalization.strip_punctuation(unescaped)
    for spelling in (
        unescaped,
        unescaped.strip(_QUOTES),
        *((unquoted,) if _LINK.match(unquoted) else ()),
        *(keyboard.latin_readings(text) if keyboard.is_link(text) else ()),
    ):
        yield spelling
        yield "".join(spelling.splitlines())
        yield "".join(spelling.split())


def _recognise_spelling(text: str) -> Foreign | None:
    for read in _BY_OPENING.get(text[:1].lower(), ()):
        if found := read(text):
            return found
    return _of_link(text) if "." in text and "/" in text else None


def _of_link(text: str) -> Foreign | None:
    link = _LINK.match(text)
    if link is None:
        return None
    host = link["host"].lower()
    if host in _TEST_HOSTS:
        raise ForeignInvalid(_TEST_HOSTS[host], "test_system", "this receipt was made in a test system")
    found = _link_reader(host)
    if found is None:
        return None
    country, read = found
    if not text.isprintable():
        raise ForeignInvalid(country, "encoding_invalid", "the link holds characters that cannot be printed")
    # Some put the question behind the hash: .../#/verify?iic=...
    return read(Link(host, link["path"] or "/", text[link.end() :]))


def _link_reader(host: str) -> tuple[str, _LinkReader] | None:
    """By the host, or by the domain it belongs to."""
    while "." in host:
        if host in _BY_HOST:
            return _BY_HOST[host]
        host = host.partition(".")[2]
    return None
