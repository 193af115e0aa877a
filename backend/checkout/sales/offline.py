"""Offline sales: sales that a till made without a network and sends later, in any order.

The buyer's discount is final. A code that can be used is used. A code that can no longer be used (its limit is full, or
it is closed) earns its agent nothing. The brand still repays its discount while the losses of the till and of its shop
in 30 days stay within their limits; beyond them the shop bears it. The shop always bears a discount that the signed
offers would not have given.
"""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from backend.checkout.sales import quote_request, signals
from backend.checkout.sales.quote_request import CheckoutContext, QuoteRequest
from backend.checkout.sales.quotes import EvaluatedCode, Quote
from backend.checkout.sales.record_builder import sale_record
from backend.checkout.sales.sale_record import SaleRecord
from backend.checkout.sales.snapshot import CheckoutSnapshot
from backend.checkout.schemas import OfflineSaleIn
from backend.core.http.errors import BodyChanged, Busy
from backend.shops.authentication import TillIdentity

OVER_LOSS_LIMIT, LOSS_LIMIT_REACHED = "over_offline_limit", "SB042"
CLOCK_TOLERANCE = timedelta(minutes=5)  # clocks of tills


async def settle_sales(
    checkout: CheckoutContext, till: TillIdentity, sales: list[OfflineSaleIn], now: datetime
) -> list[dict[str, Any]]:
    """Settle sales in the order in which they were made; responses come in the order sent. Idempotent by the sales'
    ids.

    Raises:
        CashierNeeded, TokenInPages, TooManyRequests, Busy, Unauthenticated: the sales settled so far stay settled, the
            rest is not.
    """
    till.require_cashier()
    quote_request.reject_duplicates([sale.id for sale in sales])
    responses: dict[str, dict[str, Any]] = {}
    for sale in sorted(sales, key=lambda row: (row.taken_at, row.id)):
        responses[sale.id] = await _settle_sale(checkout, till, sale, now)
    return [responses[sale.id] for sale in sales]


async def _settle_sale(
    checkout: CheckoutContext, till: TillIdentity, sale: OfflineSaleIn, now: datetime
) -> dict[str, Any]:
    oldest = now - timedelta(days=checkout.settings.numbers.at("offline_days", now.date()))
    is_plausible = oldest <= sale.taken_at <= now + CLOCK_TOLERANCE
    # An implausible time is read as now: there may be a first response.
    request = quote_request.build_request(checkout, till, sale, sale.id, at=sale.taken_at if is_plausible else now)
    digest = quote_request.body_digest(sale)
    for _ in range(quote_request.ATTEMPTS):
        snapshot = await quote_request.load_snapshot(checkout, request)
        if snapshot.first:
            same = snapshot.first.digest == digest.hex()
            return snapshot.first.answer if same else _refusal(sale, "body_changed")
        if not is_plausible:
            return _refusal(sale, "taken_at_unlikely")
        quote = await quote_request.compute_quote(checkout, request, snapshot, given_offline=True)
        if sale.discount < quote.discount:
            return _refusal(sale, "gave_less")
        try:
            return await _record_sale(checkout, request, snapshot, quote, sale, digest)
        except BodyChanged:
            return _refusal(sale, "body_changed")
        except psycopg.Error as error:
            quote_request.invalidate_stale_rules(checkout, quote, error)
    raise Busy(retry_after=1)


async def _record_sale(
    checkout: CheckoutContext,
    request: QuoteRequest,
    snapshot: CheckoutSnapshot,
    quote: Quote,
    sale: OfflineSaleIn,
    digest: bytes,
) -> dict[str, Any]:
    """Record a sale. When a loss limit of the till or its shop is reached, unusable codes are not repaid."""
    record = sale_record(request, snapshot, quote, digest)
    signals.apply_own_code_rule(checkout.settings, record, quote, sale.buyer, request.at)
    conflicts = [row for row in quote.applied if row.conflict and row.discount]
    record.taken_at = sale.taken_at
    record.loss = sum(row.discount.amount for row in conflicts if row.discount)
    numbers, day = checkout.settings.numbers, sale.taken_at.date()
    record.loss_most = numbers.at("offline_loss_per_till", day)
    record.loss_most_of_shop = most_of_shop = numbers.at("offline_loss_per_shop", day)
    record.answer = _response(quote, sale, repaid=quote.discount)
    # A loss above the whole limit is not counted: it may be more than a counter holds.
    if record.loss <= min(record.loss_most, most_of_shop):
        try:
            return await checkout.sales.record_sale(record)
        except psycopg.Error as error:
            if error.sqlstate != LOSS_LIMIT_REACHED:
                raise
    record.answer = _response(quote, sale, repaid=quote.discount - record.loss)
    _charge_to_shop(record, conflicts)
    return await checkout.sales.record_sale(record)


def _charge_to_shop(record: SaleRecord, conflicts: list[EvaluatedCode]) -> None:
    """The shop bears the discounts of codes that could not be used."""
    lost = {row.code.id for row in conflicts if row.code}
    record.loss = 0
    for code in record.codes:
        if code.code in lost:
            code.due, code.reason = 0, OVER_LOSS_LIMIT


def _response(quote: Quote, sale: OfflineSaleIn, repaid: int) -> dict[str, Any]:
    """The response to the shop: how much of the discount it gets back, and why not all of it."""
    conflicts = [
        {"code": row.given, "reason": row.conflict or row.reason} for row in quote.codes if row.conflict or row.reason
    ]
    clean = not conflicts and quote.discount == sale.discount
    return quote.response() | {
        "id": sale.id,
        "status": "sold" if clean else "conflict",
        "given": sale.discount,
        "repaid": min(repaid, sale.discount),
        "conflicts": conflicts,
    }


def _refusal(sale: OfflineSaleIn, reason: str) -> dict[str, Any]:
    return {"id": sale.id, "status": "refused", "given": sale.discount, "repaid": 0, "conflicts": [], "reason": reason}
