"""What a supplier's answer over HTTP says of an order, before and after its body is understood."""

import re
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from payouts.partners.exchange import NoReply, Reply
from payouts.partners.supplying import Result, Sold, Wanted

JSON_HEADERS = {"Accept": "application/json", "Content-Type": "application/json"}
# What refuses an order for good, if a reason comes with it. 408 and 409 are not among them: the first may come after
# the order was taken in, the second says that something was sold under our reference.
REFUSING = {400, 401, 402, 403, 404, 405, 406, 410, 413, 415, 422}
LONGEST_CODE, LONGEST_REFERENCE, LONGEST_WHY = 2000, 120, 60
WORD = re.compile(rf"[A-Za-z0-9_.-]{{1,{LONGEST_WHY}}}")

T = TypeVar("T")


class Unclear(Exception):
    """The answer is none of the documented ones, or does not fit what was asked: `why` in a word."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def unanswered(trouble: NoReply, *, buying: bool) -> Sold:
    """What is known when no answer came: that nothing was sold only if this was the order and it never left."""
    result: Result = "unknown" if trouble.sent or not buying else "busy"
    return Sold(result, why=trouble.code, http=trouble.http)


def turned_away(reply: Reply, reason: str | None, *, buying: bool) -> Sold:
    """What an answer other than 2xx means; `reason` is the supplier's own word, none if it gave no documented one.

    A look knows nothing of the order after any of them. An order was certainly not sold by one that was over the limit,
    or that was refused with a reason; a bare 4xx may come from anything on the way.
    """
    why = reason if reason and WORD.fullmatch(reason) else f"http_{reply.status}"
    if buying and reply.status == 429:
        return Sold("busy", why="http_429", http=429, retry_after=reply.retry_after)
    result: Result = "refused" if buying and reason is not None and reply.status in REFUSING else "unknown"
    return Sold(result, why=why, http=reply.status, retry_after=reply.retry_after)


def read(reply: Reply, type_: type[T]) -> T:
    """The body as the supplier documents it.

    Raises:
        Unclear: it is something else.
    """
    try:
        return msgspec.json.decode(reply.body, type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unclear("garbage") from error


def read_or_none(reply: Reply, type_: type[T]) -> T | None:
    """The body as documented, or nothing."""
    try:
        return read(reply, type_)
    except Unclear:
        return None


def in_units(nominal: int) -> float:
    """Kopecks in roubles, as JSON's numbers have them: the nearest double, which is what the same text reads as."""
    return nominal // 100 if nominal % 100 == 0 else nominal / 100


def must_be_one(orders: list[T]) -> None:
    """Look whether there are not several orders under one reference.

    Raises:
        Unclear: there are, and a person has to look.
    """
    if len(orders) > 1:
        raise Unclear("several_orders")


def must_agree(
    wanted: Wanted, *, reference: str | None, amount: float, currency: str | None, product: str | None = None
) -> None:
    """Hold an order of theirs against ours; `amount` is in whole units of the currency.

    Raises:
        Unclear: it is another order's, or of another amount. It is not ours to decide what that is worth.
    """
    if reference != wanted.reference:
        raise Unclear("wrong_reference")
    if product is not None and product != wanted.product:
        raise Unclear("wrong_product")
    if currency != wanted.currency:
        raise Unclear("wrong_currency")
    if amount != in_units(wanted.nominal):
        raise Unclear("wrong_amount")


def kept(reference: str) -> str:
    """Their id of the order, if it is one that can be kept: a person who has to look asks for it."""
    return reference if len(reference) <= LONGEST_REFERENCE and reference.isprintable() else ""


def must_be_certificate(code: str, reference: str) -> None:
    """Look whether a code and the supplier's id are such as can be kept and shown.

    Raises:
        Unclear: they are empty, too long, or not printable.
    """
    if not kept(reference):
        raise Unclear("bad_reference")
    if not 0 < len(code.strip()) <= LONGEST_CODE or not all(line.isprintable() for line in code.split("\n")):
        raise Unclear("bad_code")


def must_be_link(link: str) -> None:
    """Look whether a certificate's link is one that people may be sent to.

    Raises:
        Unclear: it is no https address.
    """
    try:
        parts = urlsplit(link)
    except ValueError as error:
        raise Unclear("bad_link") from error
    if parts.scheme != "https" or not parts.hostname:
        raise Unclear("bad_link")
