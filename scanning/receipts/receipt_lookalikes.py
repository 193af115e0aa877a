"""Codes that people scan instead of a receipt's own, recognised by the host of a link or by the first characters."""

import re

from scanning.codes import gs1
from scanning.problem import EgaisLink, MarkingCode, PaymentLink, Problem, ReceiptProblem, SelfEmployedReceipt

_HOST = re.compile(r"(?:https?://)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)\.?(?::[0-9]+)?(?=[/?#]|$)", re.IGNORECASE | re.ASCII)

# GOST R 56042-2014: the requisites of a payment, opened by the format's version and the encoding.
_PAYMENT_ORDER = re.compile(r"ST0001[123][|]", re.IGNORECASE)

_SELF_EMPLOYED = ("lknpd.nalog.ru", "npd.nalog.ru")
_EGAIS = ("egais.ru", "fsrar.ru")  # the register, and the office that ran it first
_PAYMENTS = ("nspk.ru",)  # the national system of payment cards, which runs the fast payments (SBP)
# There are many operators; most have such names: 1-ofd.ru, ofd.yandex.ru, platformaofd.ru.
_OPERATOR = re.compile(r".*ofd(?![a-z]).*\.ru|(?:.+\.)?taxcom\.ru", re.ASCII)


def host_of(text: str) -> str | None:
    """The host of a link, in small letters; None where the text is no link."""
    match = _HOST.match(text)
    return match[1].lower() if match else None


def lookalike_problem(text: str) -> ReceiptProblem | None:
    """The problem with a text that begins like another code that is scanned in shops."""
    if _PAYMENT_ORDER.match(text):
        return PaymentLink("this is a code to pay with; the receipt has another")
    host = host_of(text)
    if host is None:
        return None
    if _belongs(host, _SELF_EMPLOYED):
        return SelfEmployedReceipt("this is a self-employed person's receipt, not a cash register's")
    if _belongs(host, _EGAIS):
        return EgaisLink("this is the alcohol register's code; scan the other one on the receipt")
    if _belongs(host, _PAYMENTS):
        return PaymentLink("this is a code to pay with; the receipt has another")
    return None


def marking(text: str) -> MarkingCode | None:
    """The problem with a text that is the code of a marked item."""
    try:
        gs1.read_marking(text)
    except Problem:
        return None
    return MarkingCode("this is the code of an item; the receipt has its own")


def is_operator(host: str) -> bool:
    """Whether a Russian fiscal data operator shows receipts there."""
    return _OPERATOR.fullmatch(host) is not None


def _belongs(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)
