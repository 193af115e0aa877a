"""Reading the QR code of a Russian fiscal receipt (federal law 54-FZ, article 4.7)."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from scanning.problem import (
    DateInvalid,
    DuplicateKey,
    FdInvalid,
    FnInvalid,
    FpInvalid,
    IncompleteLink,
    NotFiscal,
    OfdLinkIncomplete,
    OperationInvalid,
    ReceiptProblem,
    SumInvalid,
    TooLong,
)
from scanning.receipts import receipt_fields as fields
from scanning.receipts import receipt_lookalikes as lookalikes
from scanning.receipts import receipt_text
from scanning.receipts.receipt_fields import Receipt
from scanning.receipts.receipt_lookalikes import lookalike_problem
from scanning.receipts.receipt_text import Found
from scanning.receipts.receipt_typed import typed

__all__ = ["LONGEST", "Receipt", "choose", "in_future", "lookalike_problem", "read", "typed"]

LONGEST = 300  # characters; what tills print has about 75, and links with percent encoding three times that
ESCAPED_FACTOR = 4  # how much longer escapes and invisible characters may make a text

EASTERNMOST = timedelta(hours=12)  # Kamchatka; shops' clocks are from UTC+2 to UTC+12

# What nearly every till prints. Only the calendar and the ranges are left to check.
_USUAL = re.compile(
    r"t=([0-9]{8}[Tt](?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?)&s=([0-9]{1,12})\.([0-9]{2})"
    r"&fn=([0-9]{16})&i=([0-9]{1,10})&fp=([0-9]{1,10})&n=([1-4])"
)


def read(text: str) -> Receipt:
    """The receipt in the text of a QR code, in any of the spellings that are met.

    Raises a ReceiptProblem for what is wrong: NotFiscal, TooLong, DuplicateKey, one for each field (FnInvalid,
    FdInvalid, FpInvalid, DateInvalid, SumInvalid, OperationInvalid; a missing field counts as invalid), IncompleteLink
    and OfdLinkIncomplete with the keys that a link lacks, and what is no cash register's receipt:
    SelfEmployedReceipt, EgaisLink, PaymentLink, MarkingCode.
    """
    usual = _USUAL.fullmatch(text)
    receipt = _read_usual(usual) if usual else None
    return receipt or _read_forgiving(text)


def in_future(receipt: Receipt, now_utc: datetime) -> bool:
    """Whether the receipt's time has come nowhere in Russia yet: the shop's zone is unknown, the easternmost counts.

    now_utc has a zone; a naive one raises ValueError.
    """
    if now_utc.tzinfo is None:
        raise ValueError("now_utc must say its zone")
    return receipt.at > now_utc.astimezone(UTC).replace(tzinfo=None) + EASTERNMOST


def choose(texts: Sequence[str]) -> int | None:
    """Which of the codes in one picture is the Russian fiscal receipt: its index, or None.

    First a receipt that can be read, then one with a fault, then a link to one, so that the user is shown the problem
    of the right code. Adverts, payment and alcohol links, marking codes and self-employed receipts are none. If a
    picture shows two different receipts this is the first of them; a caller that needs both reads every text and
    compares identities.
    """
    ranks = [(_choice_rank(text), index) for index, text in enumerate(texts)]
    best = min(ranks, default=(_NONE, 0))
    return best[1] if best[0] < _NONE else None


_READ, _FAULTY, _INCOMPLETE, _NONE = range(4)
_FAULTS = (FnInvalid, FdInvalid, FpInvalid, DateInvalid, SumInvalid, OperationInvalid, DuplicateKey)


def _choice_rank(text: str) -> int:
    try:
        read(text)
    except IncompleteLink:
        return _INCOMPLETE
    except ReceiptProblem as problem:
        return _FAULTY if isinstance(problem, _FAULTS) else _NONE
    return _READ


def _read_usual(match: re.Match[str]) -> Receipt | None:
    """Fast, because it is nearly every text. None where a calendar or a range has to say what is wrong."""
    at, rubles, kopecks, fn, fd, fp, operation = match.groups()
    document, sign, total = int(fd), int(fp), int(rubles + kopecks)
    if not (0 < document <= fields.LARGEST_NUMBER and 0 < sign <= fields.LARGEST_NUMBER):
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return Receipt(moment, total, fn, document, sign, int(operation))


def _read_forgiving(text: str) -> Receipt:
    text = receipt_text.remove_spaces(text)
    if problem := lookalike_problem(text):
        raise problem
    if len(text) > ESCAPED_FACTOR * LONGEST:
        raise TooLong(f"a receipt's text has at most {LONGEST} characters")
    plain = receipt_text.plain(text)
    if len(plain) > LONGEST:
        raise TooLong(f"a receipt's text has at most {LONGEST} characters")
    if problem := lookalike_problem(plain):  # which may have hidden in an encoding
        raise problem
    found = receipt_text.find(plain)
    if found.missing:
        _raise_for_missing_fields(found, text)
    if found.twice:
        raise DuplicateKey(f"the field {found.twice} occurs twice")
    return _create_receipt(found.fields)


def _raise_for_missing_fields(found: Found, text: str) -> None:
    """Raise the problem of a text with missing fields. Returns if it is a receipt that just lacks a field."""
    keys = found.fields.keys()
    if found.host is None:
        if not ("fn" in keys and len(found.missing) <= 2):
            raise lookalikes.marking(text) or NotFiscal("this is no text of a receipt's QR code")
        return
    message = f"the link does not name {', '.join(found.missing)}"
    if lookalikes.is_operator(found.host):
        raise OfdLinkIncomplete(message, found.missing)
    if len(keys & {"fn", "i", "fp"}) < 2:
        raise lookalikes.marking(text) or NotFiscal("this is a link, but not to a receipt")
    raise IncompleteLink(message, found.missing)


def _create_receipt(values: dict[str, str]) -> Receipt:
    return Receipt(
        at=fields.moment(values.get("t", "")),
        total=fields.total(values.get("s", "")),
        fn=fields.drive(values.get("fn", "")),
        fd=fields.document(values.get("i", "")),
        fp=fields.sign(values.get("fp", "")),
        operation=fields.operation(values.get("n", "1")),
    )
