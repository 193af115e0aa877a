"""What a scanned or typed text is, by its form alone: which feature may answer, not whether it will pay."""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, unquote

from scanning import gs1, package, symbols
from scanning.problem import Problem

Kind = Literal["package", "receipt", "promo", "certificate", "marking", "barcode", "unknown"]

LONGEST = 2000  # characters; the largest QR code of a receipt or marking has a tenth of that

_LINK = re.compile(
    r"(?P<scheme>https?://)?(?P<host>[a-z0-9.-]+(?::[0-9]+)?)/(?P<door>[cpg])/(?P<code>[^/?#\s]+)/?([?#]\S*)?",
    re.IGNORECASE | re.ASCII,
)
_DOORS: dict[str, Kind] = {"C": "package", "P": "promo", "G": "certificate"}
_WORD = re.compile(r"[\w.-]{1,64}")

_RECEIPT_KEYS = frozenset({"t", "s", "fn", "i", "fp"})

_BETWEEN_GROUPS = re.compile(r"[\s\u2010-\u2015\u2212-]+")


class Payload(NamedTuple):
    """What a text is, and the one spelling under which it is known.

    package: the folded symbols, not yet checked; receipt: the text; promo and certificate: the code in
    capitals; marking: its element string without a tail; barcode: the GTIN in 14 digits; unknown: the text.
    """

    kind: Kind
    value: str


def classify(text: str, *, hosts: Collection[str] = ()) -> Payload:
    """Say what a text is. Links count from these hosts only, if any are named. Raises nothing.

    A package code with typing errors is still a package, so that the caller can say what is wrong.
    """
    text = text.strip()
    if len(text) > LONGEST:
        return Payload("unknown", text)
    return (
        _receipt(text)
        or _link(text, {host.lower() for host in hosts})
        or _goods(text)
        or _typed_code(text)
        or Payload("unknown", text)
    )


def _receipt(text: str) -> Payload | None:
    """The QR code of a Russian fiscal receipt: time, sum, drive, document and sign, alone or in a link."""
    if "=" not in text:
        return None
    keys = {key.lower() for key, _ in parse_qsl(text.rpartition("?")[2])}
    return Payload("receipt", text) if keys >= _RECEIPT_KEYS else None


def _link(text: str, hosts: Collection[str]) -> Payload | None:
    """One of our own doors: /C/ a package code, /P/ a promo code, /G/ a certificate."""
    match = _LINK.fullmatch(text)
    if match is None or not _is_ours(match["scheme"], match["host"].lower(), hosts):
        return None
    kind, code = _DOORS[match["door"].upper()], unquote(match["code"])
    if kind == "package":
        code = symbols.fold(code)
        return Payload(kind, code) if _has_nearly_16_symbols(code) else None
    return Payload(kind, code.upper()) if _WORD.fullmatch(code) else None


def _is_ours(scheme: str | None, host: str, hosts: Collection[str]) -> bool:
    if hosts:
        return host in hosts or host.partition(":")[0] in hosts
    return scheme is not None or "." in host or ":" in host


def _goods(text: str) -> Payload | None:
    """A marking code or an article number, bare or inside an element string or Digital Link."""
    try:
        return Payload("marking", gs1.read_marking(text).text)
    except Problem:
        pass
    try:
        return Payload("barcode", gs1.read_gtin(gs1.read_elements(text).get("01", "")))
    except Problem:
        pass
    try:
        return Payload("barcode", gs1.read_gtin(text))
    except Problem:
        return None


def _typed_code(text: str) -> Payload | None:
    """A package code from a keyboard, right or nearly right."""
    code = symbols.fold(text)
    if not _has_nearly_16_symbols(code):
        return None
    groups = [len(group) for group in _BETWEEN_GROUPS.split(text) if group]
    if len(code) == package.LENGTH:
        # Odd groups without a digit are rather words.
        is_one = len(groups) == 1 or set(groups) == {4} or any(symbol.isdigit() for symbol in text)
    else:
        is_one = len(groups) == 4 and set(groups) <= {3, 4, 5}
    # A number of 16 digits is a bank card or an agent's card, unless the check symbol says otherwise.
    is_number = code.isdigit() and not symbols.has_valid_check(code)
    return Payload("package", code) if is_one and not is_number else None


def _has_nearly_16_symbols(code: str) -> bool:
    """One more or less is a slip of the finger, and so is U, which stands in no code."""
    return abs(len(code) - package.LENGTH) <= 1 and code.isascii() and code.isalnum()
