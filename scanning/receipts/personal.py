"""Removes personal data from a provider's response before it is stored: all about the cashier and the buyer.

Known fields are kept in their own form only; an unknown one is kept where it is a short word for a machine or a
small number, so that no name, mail address or telephone number comes along (152-FZ, article 3).
"""

import json
import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files

from stdnum.ru import inn as tax_number

_LONGEST = 1024  # characters of one text; what is longer is a page or a file
_DEEPEST = 40

_MAIL = re.compile(r"[^\s@<>()\[\],;:\"']{1,64}@[^\s@<>()\[\],;:\"']{1,255}")  # lengths of RFC 5321, 4.5.3.1
_PHONE = re.compile(
    r"\+(?:[ ()\-.\u00a0\u2010-\u2015]{0,3}[0-9]){9,15}(?![0-9])"  # any country, as ITU-T E.123 writes it
    r"|(?<![0-9])[78][ \-.(]{0,2}[3489](?:[ \-.()]{0,2}[0-9]){9}(?![0-9])"  # Russia, without the plus
    r"|\([3489][0-9]{2}\) ?[0-9]{3}[ \-][0-9]{2}[ \-]?[0-9]{2}(?![0-9])"
)
_SOLE_TRADER = re.compile(r"(?:(?<!\w)ИП(?!\w)|индивидуальн\w+\s+предпринимател\w+).*", re.IGNORECASE | re.DOTALL)
_ORGANISATION = re.compile(
    r"(?<!\w)(?:ООО|АО|ПАО|ОАО|ЗАО|НАО|МУП|ГУП|ФГУП|АНО|НКО|ТСЖ|ГБУ|МБУ|ГБУЗ|обществ\w+|предприяти\w+|учреждени\w+"
    r"|кооператив\w*|товариществ\w+|организаци\w+)(?!\w)",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w{3,}")

_FIELDS = tomllib.loads(files("scanning.receipts").joinpath("personal.toml").read_text("utf-8"))
_DROPPED, _SELLER, _PLACE, _TAX_NUMBER, _GOODS, _NUMBER = (
    frozenset(_FIELDS[kind]) for kind in ("dropped", "seller", "place", "tax_number", "goods", "number")
)

_MACHINE_WORD = re.compile(r"[A-Za-z_./:\-]*(?:[0-9][A-Za-z_./:\-]*){0,6}")  # too few digits for a telephone
_FORMS = (
    _MACHINE_WORD,
    re.compile(
        r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[Tt ][0-9]{2}:?[0-9]{2}(?::?[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9:]{2,6})?"
    ),
    re.compile(r"[0-9]{2}\.[0-9]{2}\.[0-9]{4} [0-9]{2}:[0-9]{2}(?::[0-9]{2})?"),
    re.compile(r"(?:(?:t|s|fn|i|fp|n)=[0-9Tt.,]{1,20}&?){4,6}"),  # the QR code
)
_WRITTEN_NUMBER = re.compile(r"0*[0-9]{1,9}(?:[.,][0-9]{1,6})?|[1-4][0-9]{9}|[0-9]{16} *")


def stripped(raw: object) -> object:
    """A provider's decoded answer without personal data, still readable as a document. Changes nothing in place."""
    return _PersonalDataFilter(raw).strip("", raw, is_person=False, depth=0)


def without_contacts(text: str) -> str:
    """A text less mail addresses and telephone numbers."""
    return _PHONE.sub("", _MAIL.sub("", text) if "@" in text else text).strip()


def seller_name(name: str, tax: str | None) -> str:
    """The name of an organisation; "" for a sole trader, whose name is a person's, and if that is unclear."""
    if is_person(tax) or _SOLE_TRADER.search(name):
        return ""
    return without_contacts(name) if tax or _ORGANISATION.search(name) else ""


def without_trader(text: str, names: frozenset[str]) -> str:
    """A shop's name or address less its sole trader; "" if it contains a word of the trader's name."""
    text = without_contacts(text)
    if _SOLE_TRADER.search(text):
        text = _SOLE_TRADER.sub("", text).strip(" ,;\"'«(")
    return "" if names & trader_words(text) else text


def trader_words(name: str) -> frozenset[str]:
    """The words of a name, to find them elsewhere."""
    return frozenset(_WORD.findall(name.casefold()))


def is_person(tax: str | None) -> bool:
    """Whether a tax number belongs to a natural person: twelve digits, an organisation has ten."""
    return tax is not None and len(tax) == 12


def _fold_name(name: object) -> str:
    return "".join(sign for sign in str(name)[:60].lower() if sign.isalnum())


def _holder_tax_number(record: Mapping[object, object]) -> str | None:
    for name, value in record.items():
        if _fold_name(name) in ("userinn", "inn", "tin") and isinstance(value, str):
            return _tax_number(value)
    return None


def _tax_number(text: str) -> str | None:
    number = text.strip().removeprefix("ИНН").strip()
    return number if tax_number.is_valid(number) else None


def _decode_json(text: str) -> object:
    """The JSON in a text, such as the Ticket of the FNS; the text itself where it is none."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


class _PersonalDataFilter:
    """Removes personal data from one response; collects the names of the sole traders anywhere in it first."""

    def __init__(self, raw: object) -> None:
        self.names: frozenset[str] = frozenset()
        self._collect(raw, depth=0)

    def _collect(self, raw: object, *, depth: int) -> None:
        value = _decode_json(raw) if isinstance(raw, str) else raw
        if depth > _DEEPEST or not isinstance(value, dict | list):
            return
        for child in value.values() if isinstance(value, dict) else value:
            self._collect(child, depth=depth + 1)
        if isinstance(value, dict):
            for name in (value.get("user"), value.get("User")):
                if isinstance(name, str) and not seller_name(name, _holder_tax_number(value)):
                    self.names |= trader_words(name)

    def strip(self, name: str, raw: object, *, is_person: bool, depth: int) -> object:
        """A value without personal data; None for a single value that is dropped."""
        value = _decode_json(raw) if isinstance(raw, str) else raw
        if depth > _DEEPEST:
            return None
        if isinstance(value, dict):
            return self._record(value, depth=depth)
        if isinstance(value, list):
            return [self.strip(name, child, is_person=is_person, depth=depth + 1) for child in value]
        if isinstance(value, str):
            return self._text(name, value, is_person=is_person)
        if isinstance(value, int | float) and abs(value) >= 10**6 and name not in _NUMBER | _GOODS:
            return None
        return value

    def _record(self, record: dict[object, object], *, depth: int) -> dict[str, object]:
        tax = _holder_tax_number(record)
        stripped: dict[str, object] = {}
        for key, value in record.items():
            name = _fold_name(key)
            if name in _DROPPED or not _MACHINE_WORD.fullmatch(str(key)[:_LONGEST]):
                continue
            if name in _SELLER:
                stripped[str(key)] = seller_name(value[:_LONGEST], tax) if isinstance(value, str) else None
            else:
                stripped[str(key)] = self.strip(
                    name, value, is_person=is_person(tax) and "items" not in record, depth=depth + 1
                )
        return stripped

    def _text(self, name: str, text: str, *, is_person: bool) -> str | None:
        if len(text) > _LONGEST:
            return None
        if name == "name" and not is_person:
            return without_contacts(text)
        if name in _PLACE:
            return None if is_person and name == "title" else without_trader(text, self.names)
        if name in _TAX_NUMBER:
            return text if _tax_number(text) else None
        if name in _GOODS:
            return text if without_contacts(text) == text.strip() else None
        if name in _NUMBER and _WRITTEN_NUMBER.fullmatch(text):
            return text
        return text if any(form.fullmatch(text) for form in _FORMS) else None
