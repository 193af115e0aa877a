"""Sales of a till that had no network, sent later in any order: each is settled by one rule.

What the buyer was given stands. A code that could be used is used. One that could not any more (its limit was full, it
was closed) brings its agent nothing; the brand repays its discount all the same, as long as the till's losses of 30
days stay below a bound, and beyond it the shop bears them. What the offers as signed would not have given, the shop
bears at once.
"""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from backend.checkout import asking, service
from backend.checkout.asking import Checkout, Request
from backend.checkout.quotes import Quote
from backend.checkout.schemas import OfflineSaleIn
from backend.errors import BodyChanged, Busy
from backend.shops.door import TillAt

OVER, BOUND = "over_offline_limit", "SB042"
AHEAD = timedelta(minutes=5)  # clocks of tills


async def settle(checkout: Checkout, till: TillAt, sales: list[OfflineSaleIn], now: datetime) -> list[dict[str, Any]]:
    """Settle sales in the order in which they were made; answers in the order sent. Sending them again is harmless.

    Raises:
        CashierNeeded, TokenInPages, TooManyRequests, Busy, Unauthenticated: then none of those that were not answered
            yet is settled.
    """
    till.need_seller()
    asking.once([sale.id for sale in sales])
    answers: dict[str, dict[str, Any]] = {}
    for sale in sorted(sales, key=lambda row: (row.taken_at, row.id)):
        answers[sale.id] = await _settle(checkout, till, sale, now)
    return [answers[sale.id] for sale in sales]


async def _settle(checkout: Checkout, till: TillAt, sale: OfflineSaleIn, now: datetime) -> dict[str, Any]:
    oldest = now - timedelta(days=checkout.settings.numbers.at("offline_days", now.date()))
    likely = oldest <= sale.taken_at <= now + AHEAD
    # An unlikely time is looked at as if it were now: there may be a first answer.
    request = asking.asked(checkout, till, sale, sale.id, at=sale.taken_at if likely else now)
    digest = asking.digest_of(sale)
    for _ in range(asking.ATTEMPTS):
        look = await asking.look_up(checkout, request)
        if look.first:
            same = look.first.digest == digest.hex()
            return look.first.answer if same else _refused(sale, "body_changed")
        if not likely:
            return _refused(sale, "taken_at_unlikely")
        found = await asking.judge(checkout, request, look, given_offline=True)
        if sale.discount < found.discount:
            return _refused(sale, "gave_less")
        try:
            return await _record(checkout, request, look, found, sale, digest)
        except BodyChanged:
            return _refused(sale, "body_changed")
        except psycopg.Error as error:
            asking.look_again(checkout, found, error)
    raise Busy(retry_after=1)


async def _record(
    checkout: Checkout, request: Request, look: Any, found: Quote, sale: OfflineSaleIn, digest: bytes
) -> dict[str, Any]:
    """Record a sale; when the till's losses are full, without repaying what could not be used."""
    values = service.sale_of(checkout, request, look, found, digest)
    conflicts = [row for row in found.applied if row.conflict and row.taken]
    loss = sum(row.taken.discount for row in conflicts if row.taken)
    values["taken_at"] = sale.taken_at
    values["loss"] = loss
    values["loss_most"] = checkout.settings.numbers.at("offline_loss_per_till", sale.taken_at.date())
    values["answer"] = _answer(found, sale, repaid=found.discount)
    # What is beyond the whole bound by itself is not counted against it: it may be more than a counter holds.
    if loss <= values["loss_most"]:
        try:
            return await checkout.sales.sell(values)
        except psycopg.Error as error:
            if error.sqlstate != BOUND:
                raise
    values["loss"] = 0
    values["codes"] = _borne_by_the_shop(values["codes"], conflicts)
    values["answer"] = _answer(found, sale, repaid=found.discount - loss)
    return await checkout.sales.sell(values)


def _borne_by_the_shop(codes: list[dict[str, Any]], conflicts: list[Any]) -> list[dict[str, Any]]:
    lost = {row.known.id for row in conflicts}
    return [code | {"due": 0, "reason": OVER} if code["code"] in lost else code for code in codes]


def _answer(found: Quote, sale: OfflineSaleIn, repaid: int) -> dict[str, Any]:
    """What the shop is told: what it gets back of what it gave, and why not all."""
    conflicts = [{"code": row.given, "reason": row.conflict or row.reason} for row in found.codes
                 if row.conflict or row.reason]  # fmt: skip
    clean = not conflicts and found.discount == sale.discount
    return found.answer() | {
        "id": sale.id, "status": "sold" if clean else "conflict", "given": sale.discount,
        "repaid": min(repaid, sale.discount), "conflicts": conflicts,
    }  # fmt: skip


def _refused(sale: OfflineSaleIn, reason: str) -> dict[str, Any]:
    return {"id": sale.id, "status": "refused", "given": sale.discount, "repaid": 0, "conflicts": [], "reason": reason}
