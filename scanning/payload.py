"""Classifies a scanned or typed text by its form alone; whether it earns anything is decided elsewhere."""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple
from urllib.parse import unquote

from scanning import keyboard, normalization
from scanning.codes import gs1, package, symbols
from scanning.problem import MarkingCode, NotFiscal, Problem, TooLong
from scanning.receipts import countries, receipt, receipt_text
from scanning.receipts.countries import ForeignInvalid

Kind = Literal["package", "receipt", "promo", "certificate", "marking", "barcode", "unknown"]

LONGEST = 2000  # characters; the largest QR code of a receipt or marking has a tenth of that

_LINK = re.compile(
    r"(?P<scheme>https?://)?(?P<host>[a-z0-9.-]+(?::[0-9]+)?)/(?P<kind>[cpg])/(?P<code>[^/?#\s]+)/?([?#]\S*)?",
    re.IGNORECASE | re.ASCII,
)
_LINK_KINDS: dict[str, Kind] = {"C": "package", "P": "promo", "G": "certificate"}
_ANY_LINK = re.compile(r"https?://[^\s\"'<>«»()\[\]]+", re.IGNORECASE)
_WORD = re.compile(r"[\w.-]{1,64}")

_BETWEEN_GROUPS = re.compile(r"[\s\u2010-\u2015\u2212-]+")


class Payload(NamedTuple):
    """The kind of a text, and its one canonical spelling.

    package: the folded symbols, not yet checked; receipt: the text; promo and certificate: the code in capitals;
    marking: its element string without a tail, or the text if it is ambiguous; barcode: the GTIN in 14 digits;
    unknown: the text.
    """

    kind: Kind
    value: str


def classify(text: str, *, hosts: Collection[str] = ()) -> Payload:
    """Classify a text. If hosts are named, only links to these count. Raises nothing.

    A package code with typing errors is still a package, so that the caller can say what is wrong.
    """
    scanned, text = text, text.strip()
    if code := _bare_code(text):
        return Payload("package", code)
    if len(text) > LONGEST:
        return Payload("unknown", text)
    visible = normalization.remove_invisible(text)
    if "＝" in visible:
        visible = normalization.normalize(visible)
    return (
        _classify_receipt(visible)
        or _classify_link(visible, {host.lower() for host in hosts})
        or _classify_goods(scanned)
        or _receipt_lookalike(visible)
        or _typed_code(visible)
        or _classify_foreign(visible)
        or _link_in_sentence(visible, hosts)
        or Payload("unknown", text)
    )


def _bare_code(text: str) -> str | None:
    """A package code without an error, as scanners read it: by far the most frequent text, so it is recognized first.

    With a letter it is nothing else: an element string of this length has digits only.
    """
    if len(text) != package.LENGTH or not text.isascii() or not text.isalnum() or text.isdigit():
        return None
    code = symbols.fold(text)
    return code if symbols.has_valid_check(code) else None


def _classify_receipt(text: str) -> Payload | None:
    """The QR code of a Russian fiscal receipt, alone or in a link; a faulty one too, so that its fault can be reported.

    Package codes come here by the million: a few comparisons must do for them. No text without a sign is a receipt.
    """
    if not any(sign in text for sign in "=%\\&һ"):  # the last is "=" on a Kazakh keyboard
        return None
    small = receipt_text.remove_spaces(text).lower()
    is_likely = (
        "fp" in small or "fр" in small or "аз" in small or "fiscalsign" in small or "%" in text
    )  # "аз" on a Russian keyboard
    return Payload("receipt", text) if is_likely and _is_receipt(text) else None


def _receipt_lookalike(text: str) -> Payload | None:
    """A link to a receipt without its fields, or a code that is often mistaken for a receipt's. See receipt.read."""
    if "/" in text:
        return Payload("receipt", text) if _is_receipt(text) else None
    return Payload("receipt", text) if "=" in text and receipt.lookalike_problem(text) else None


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


def _classify_foreign(text: str) -> Payload | None:
    """The receipt of another country, whole or damaged."""
    if len(text) < countries.SHORTEST:
        return None
    try:
        return Payload("receipt", text) if countries.recognise(text) else None
    except ForeignInvalid:
        return Payload("receipt", text)


def _link_in_sentence(text: str, hosts: Collection[str]) -> Payload | None:
    """What the only link of a text is, where the text is something around it, such as `Your receipt: https://...`."""
    links = _ANY_LINK.findall(text)
    if len(set(links)) != 1 or links[0] == text:
        return None
    found = classify(links[0], hosts=hosts)
    return None if found.kind in ("unknown", "barcode") else found


def _classify_link(text: str, hosts: Collection[str]) -> Payload | None:
    """One of our own links: /C/ a package code, /P/ a promo code, /G/ a certificate."""
    if not is_link(text):
        return None
    for spelling in (text, "".join(text.split()), *keyboard.latin_readings(text)):
        match = _LINK.fullmatch(normalization.strip_punctuation(spelling))
        if match is not None and _is_ours(match["scheme"], match["host"].lower(), hosts):
            return _linked_code(_LINK_KINDS[match["kind"].upper()], unquote(match["code"]))
    return None


def _linked_code(kind: Kind, code: str) -> Payload | None:
    if kind == "package":
        code = symbols.fold(code)
        return Payload(kind, code) if _has_nearly_16_symbols(code) else None
    code = normalization.strip_punctuation(code).upper()
    return Payload(kind, code) if _WORD.fullmatch(code) else None


def is_link(text: str) -> bool:
    """Whether a text may be a link, also one that a scanner typed on a Cyrillic layout."""
    return "/" in text or keyboard.is_link(text)


def _is_ours(scheme: str | None, host: str, hosts: Collection[str]) -> bool:
    if hosts:
        return host in hosts or host.partition(":")[0] in hosts
    return scheme is not None or "." in host or ":" in host


def _classify_goods(text: str) -> Payload | None:
    """A marking code or an article number, bare or inside an element string or Digital Link."""
    try:
        markings = gs1.read_markings(text)
        return Payload("marking", text.strip() if len(markings) > 1 else markings[0].text)
    except Problem:
        pass
    try:
        return Payload("barcode", gs1.read_gtin(gs1.read_elements(text).get("01", "")))
    except Problem:
        pass
    try:
        return Payload("barcode", gs1.read_gtin(normalization.strip_punctuation(text)))
    except Problem:
        return None


def _typed_code(text: str) -> Payload | None:
    """A package code from a keyboard, right or nearly right."""
    code = symbols.fold(text)
    if not text.isascii() and not symbols.has_valid_check(code):
        code = _on_latin_layout(text) or code
    if not _has_nearly_16_symbols(code):
        return None
    groups = [len(group) for group in _BETWEEN_GROUPS.split(normalization.strip_punctuation(text)) if group]
    if len(code) == package.LENGTH:
        # Odd groups without a digit are rather words.
        is_one = len(groups) == 1 or set(groups) == {4} or any(symbol.isdigit() for symbol in text)
    else:
        is_one = len(groups) == 4 and set(groups) <= {3, 4, 5}
    # A number of 16 digits is a bank card or an agent's card, unless the check symbol is valid.
    is_number = code.isdigit() and not symbols.has_valid_check(code)
    return Payload("package", code) if is_one and not is_number else None


def _on_latin_layout(text: str) -> str | None:
    """A package code typed on a Cyrillic layout: its check symbol distinguishes keys from look-alike letters."""
    codes = map(symbols.fold, keyboard.latin_readings(text))
    return next((code for code in codes if len(code) == package.LENGTH and symbols.has_valid_check(code)), None)


def _has_nearly_16_symbols(code: str) -> bool:
    """One more or less is a typing error, and so is U, which is not in the alphabet."""
    return abs(len(code) - package.LENGTH) <= 1 and code.isascii() and code.isalnum()
