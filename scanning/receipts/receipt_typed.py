"""Manual entry of a Russian receipt's requisites: the checks of the QR code, and what the typing error may be."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from scanning.problem import DateInvalid, Fault, FieldsInvalid, ReceiptProblem
from scanning.receipts import receipt_fields as fields
from scanning.receipts.receipt_fields import Receipt
from scanning.receipts.receipt_text import BLANKS

DRIVE_DIGITS = 16
# A drive is built for some 250,000 documents: a larger number beside a small sign was typed into the wrong field.
LARGEST_DOCUMENT = 9_999_999

_BLANK = re.compile(rf"[{BLANKS}]+")
_LABEL = re.compile(r"(?:ФПД?|ФД|ФН|№)[:№. ]*", re.IGNORECASE)
_CURRENCY = re.compile(r"(?:₽|руб\.?|р\.?)$", re.IGNORECASE)

_TIME = r"([0-9]{1,2})[:.-]([0-9]{2})(?:[:.-]([0-9]{2}))?"
_GAP = r"(?:,? |,|[TtТт])"
_DAY_FIRST = re.compile(rf"([0-9]{{1,2}})[./-]([0-9]{{1,2}})[./-]((?:[0-9]{{2}})?[0-9]{{2}}){_GAP}{_TIME}")
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})[./-]([0-9]{{1,2}})[./-]([0-9]{{1,2}}){_GAP}{_TIME}")
_NO_TIME = re.compile(r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}|[0-9]{8}")
_ZONE = re.compile(r"(.*[0-9]{2}:?[0-9]{2}(?::?[0-9]{2})?(?:\.[0-9]+)?) ?(?:Z|[+-][0-9]{2}:?[0-9]{2})", re.IGNORECASE)

_LETTERS = str.maketrans("OoОоIil|ІіЗзЧчбSsВBZz", "000011111133446558822")
_THOUSANDS = re.compile(r"([0-9]{1,3}(?:[.,'][0-9]{3})+)[.,]([0-9]{2})")


def typed(fn: str, fd: str, fp: str, at: str, total: str, operation: int = 1) -> Receipt:
    """The receipt whose requisites were typed: drive, document, sign, time, total in rubles, kind of operation.

    Time as 17.09.2024 18:01, 17.09.24 18:01, 2024-09-17 18:01, 2024-09-17T18:01 or 20240917T1801, each with seconds or
    without. Spaces don't count; a comma in the sum is a point. Raises FieldsInvalid, which lists every wrong field.
    """
    texts = {
        "fn": _typed_number(fn),
        "fd": _typed_number(fd),
        "fp": _typed_number(fp),
        "at": _BLANK.sub(" ", at).strip(),
        "total": _CURRENCY.sub("", _BLANK.sub("", total)),
        "operation": str(operation),
    }
    faults = tuple(fault for field in texts if (fault := _field_fault(field, texts)))
    if faults:
        raise FieldsInvalid(faults)
    return Receipt(**{field: _CHECKS[field](text) for field, text in texts.items()})


class _Slip(NamedTuple):
    """A typing error, and what was probably meant."""

    name: str
    meant: str | None = None


def moment(text: str) -> datetime:
    """A typed wall time, with single blanks in it. Raises DateInvalid."""
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year, *time = match.groups()
        return _calendar_time(year if len(year) == 4 else "20" + year, month, day, *time)
    if match := _YEAR_FIRST.fullmatch(text):
        return _calendar_time(*match.groups())
    try:
        return fields.moment(text.replace(" ", "T"))
    except DateInvalid as problem:
        if re.match(r"[0-9]{8}T[0-9]{4}", text):
            raise
        raise DateInvalid(f"the time is written like 17.09.2024 18:01, not {text[:30]!r}") from problem


def _calendar_time(*parts: str | None) -> datetime:
    year, month, day, hour, minute, second = (int(part or 0) for part in parts)
    return fields.calendar(year, month, day, hour, minute, second)


_CHECKS: dict[str, Callable[[str], Any]] = {
    "fn": fields.drive,
    "fd": fields.document,
    "fp": fields.sign,
    "at": moment,
    "total": fields.total,
    "operation": fields.operation,
}


def _typed_number(text: str) -> str:
    return _LABEL.sub("", _BLANK.sub(" ", text).strip(), count=1).replace(" ", "")


def _field_fault(field: str, texts: Mapping[str, str]) -> Fault | None:
    text = texts[field]
    try:
        _CHECKS[field](text)
    except ReceiptProblem as problem:
        slip = _find_slip(field, texts) if text else _Slip("missing")
        return Fault(field, problem.code, str(problem), *(slip or ()))
    if field in ("fd", "fp") and _are_swapped(texts):
        return Fault(field, f"{field}_invalid", "FD and FP stand in each other's place", *_swapped_slip(field, texts))
    return None


def _find_slip(field: str, texts: Mapping[str, str]) -> _Slip | None:
    """The typing error in a wrong field, if it is recognised."""
    text = texts[field]
    if field in ("fd", "fp") and _are_swapped(texts):
        return _swapped_slip(field, texts)
    # The sum may say "1O0", the time "17.O9.2024"; letters that resemble no digit are left.
    meant = text.translate(_LETTERS)
    if meant != text and _is_right(field, meant):
        return _Slip("letters_for_digits", meant)
    if field in ("fn", "fd", "fp"):
        return _slip_of_number(field, texts)
    return {"total": _slip_of_total, "at": _slip_of_time}.get(field, _no_slip)(text)


def _slip_of_number(field: str, texts: Mapping[str, str]) -> _Slip | None:
    text = texts[field]
    if not re.fullmatch(r"[0-9]+", text):
        return _Slip("not_digits")
    if field != "fn":
        return _Slip("fn_in_its_place") if len(text) == DRIVE_DIGITS else None
    for other in ("fd", "fp"):
        if _is_right("fn", texts[other]):
            return _Slip("in_another_field", texts[other])
    missing = DRIVE_DIGITS - len(text)
    return _Slip({1: "digit_missing", -1: "digit_too_many"}.get(missing, "wrong_length"))


def _slip_of_total(text: str) -> _Slip | None:
    if match := _THOUSANDS.fullmatch(text):
        return _Slip("thousands_separator", re.sub("[.,']", "", match[1]) + "." + match[2])
    if re.fullmatch(r"[0-9]+[.,][0-9]{3,}", text):
        return _Slip("too_many_decimals")
    return _Slip("negative", text[1:]) if text[0] in "-\u2212" and _is_right("total", text[1:]) else None


def _slip_of_time(text: str) -> _Slip | None:
    if _NO_TIME.fullmatch(text):
        return _Slip("time_missing")
    if _ZONE.fullmatch(text):
        return _Slip("zone")  # the receipt shows the shop's clock; the zone that a program meant is unknown
    match = _DAY_FIRST.fullmatch(text)
    if match and 12 < int(match[2]) <= 31 and int(match[1]) <= 12:
        meant = f"{match[2]}.{match[1]}.{text[match.start(3) :]}"
        return _Slip("day_and_month_swapped", meant) if _is_right("at", meant) else None
    return None


def _no_slip(text: str) -> None:  # noqa: ARG001 - one of several
    return None


def _are_swapped(texts: Mapping[str, str]) -> bool:
    """Only where one way round is impossible: a number of document that no drive reaches, and a tiny sign."""
    if not (re.fullmatch(r"[0-9]{1,10}", texts["fd"]) and re.fullmatch(r"[0-9]{1,10}", texts["fp"])):
        return False
    return int(texts["fd"]) > LARGEST_DOCUMENT >= int(texts["fp"]) > 0 and _is_right("fp", texts["fd"])


def _swapped_slip(field: str, texts: Mapping[str, str]) -> _Slip:
    return _Slip("fd_and_fp_swapped", texts["fp" if field == "fd" else "fd"])


def _is_right(field: str, text: str) -> bool:
    try:
        _CHECKS[field](text)
    except ReceiptProblem:
        return False
    return True
