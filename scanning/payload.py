"""What a scanned or typed text is, by its form alone: which feature may answer, not whether it will pay."""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple
from urllib.parse import unquote

from scanning import countries, gs1, package, receipt, symbols
from scanning.countries import ForeignInvalid
from scanning.problem import MarkingCode, NotFiscal, Problem, TooLong

Kind = Literal["package", "receipt", "promo", "certificate", "marking", "barcode", "unknown"]

LONGEST = 2000  # characters; the largest QR code of a receipt or marking has a tenth of that

_LINK = re.compile(
    r"(?P<scheme>https?://)?(?P<host>[a-z0-9.-]+(?::[0-9]+)?)/(?P<door>[cpg])/(?P<code>[^/?#\s]+)/?([?#]\S*)?",
    re.IGNORECASE | re.ASCII,
)
_DOORS: dict[str, Kind] = {"C": "package", "P": "promo", "G": "certificate"}
_WORD = re.compile(r"[\w.-]{1,64}")

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
        or _look_alike(text)
        or _typed_code(text)
        or _foreign(text)
        or Payload("unknown", text)
    )


def _receipt(text: str) -> Payload | None:
    """The QR code of a Russian fiscal receipt, alone or in a link; a faulty one too, so that its fault can be told.

    Package codes come here by the million: a few comparisons must do for them. No text without a sign is a receipt.
    """
    if "=" not in text and "%" not in text:
        return None
    small = text.lower()
    is_likely = "fp" in small or "аз" in small or "%" in text  # "аз" is "fp" on a Russian keyboard
    return Payload("receipt", text) if is_likely and _is_receipt(text) else None


def _look_alike(text: str) -> Payload | None:
    """A link to a receipt without its fields, or what people take for a receipt: the reader says which."""
    if "/" in text:
        return Payload("receipt", text) if _is_receipt(text) else None
    return Payload("receipt", text) if "=" in text and receipt.look_alike(text) else None


def _is_receipt(text: str) -> bool:
    try:
        receipt.read(text)
    except (NotFiscal, MarkingCode):
        return False
    except TooLong:
        return "fn=" in text.lower() and "fp=" in text.lower()
    except Problem:
        return True
    return True


def _foreign(text: str) -> Payload | None:
    """The receipt of another country, whole or damaged."""
    if len(text) < countries.SHORTEST:
        return None
    try:
        return Payload("receipt", text) if countries.recognise(text) else None
    except ForeignInvalid:
        return Payload("receipt", text)


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
