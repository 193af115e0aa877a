"""Quotes and sales: read a snapshot, decide by pure functions, then record everything in one statement."""

from typing import Any

import msgspec
import psycopg

from backend.checkout.sales import quotes, signals
from backend.checkout.sales.quote_request import (
    ATTEMPTS,
    CheckoutContext,
    QuoteRequest,
    body_digest,
    build_request,
    compute_quote,
    invalidate_stale_rules,
    load_snapshot,
    refuse_or_retry,
)
from backend.checkout.sales.quotes import Quote
from backend.checkout.sales.snapshot import CheckoutSnapshot
from backend.checkout.schemas import SaleIn
from backend.core.http.errors import BodyChanged, Busy, Conflict
from backend.shops.authentication import TillIdentity


class TotalChanged(Conflict):
    """The buyer would have to pay another sum: {total} kopecks. Nothing was sold; ask for a quote again."""

    code = "total_changed"


class ReceiptConflict(Conflict):
    """This receipt confirms another sale, or this sale has another receipt."""

    code = "receipt_taken"


async def create_quote(checkout: CheckoutContext, request: QuoteRequest) -> Quote:
    """Compute the quote of a basket. Stores nothing.

    Raises:
        Unauthenticated: the till is not signed in any more. TooManyRequests: it gave too many unknown codes.
    """
    return await compute_quote(checkout, request, await load_snapshot(checkout, request))


async def sell(checkout: CheckoutContext, till: TillIdentity, key: str, body: SaleIn) -> dict[str, Any]:
    """Sell: use the codes, award their agents, record what the shop is owed. Idempotent by id.

    Raises:
        CodesRefused, TotalChanged, ReceiptConflict: nothing was sold. BodyChanged: the id had another body.
        Unauthenticated, CashierNeeded, TokenInPages, Busy, TooManyRequests.
    """
    # No look-up for a page's token: its duration would reveal which codes exist.
    till.require_secret_token()
    request, digest = build_request(checkout, till, body, key, body.reservation), body_digest(body)
    for _ in range(ATTEMPTS):
        snapshot = await load_snapshot(checkout, request)
        snapshot.till.require_cashier()
        request = msgspec.structs.replace(request, till=snapshot.till)
        if snapshot.first:
            if snapshot.first.digest != digest.hex():
                raise BodyChanged
            return snapshot.first.answer
        quote = await compute_quote(checkout, request, snapshot)
        if await refuse_or_retry(checkout, snapshot, quote):
            continue
        if body.total is not None and body.total != quote.amount - quote.discount:
            raise TotalChanged(total=quote.amount - quote.discount)
        values = sale_record(checkout, request, snapshot, quote, digest)
        if body.fiscal:
            values["fiscal"] = body.fiscal
        try:
            return await checkout.sales.record_sale(values)
        except psycopg.errors.UniqueViolation as error:
            raise ReceiptConflict from error
        except psycopg.Error as error:
            invalidate_stale_rules(checkout, quote, error)
    raise Busy(retry_after=1)


def sale_record(
    checkout: CheckoutContext, request: QuoteRequest, snapshot: CheckoutSnapshot, quote: Quote, digest: bytes
) -> dict[str, Any]:
    """The parameters of checkout_sell for a sale."""
    till = request.till
    lines = [
        {
            "line": line.line,
            "amount": line.amount,
            "quantity": round(line.quantity, 3),
            "discount": quote.discount_by_line.get(line.line, 0),
            "product": _find_product(snapshot, quote, line),
        }
        for line in quote.basket
    ]
    codes = [quotes.redemption_record(quote, row, request.buyer, till.shop_id, request.at) for row in quote.applied]
    seen = signals.sale_signals(checkout.settings, quote, request.body.buyer, request.at, codes)
    return {
        "till": till.till_id,
        "shop": till.shop_id,
        "cashier": till.cashier_id,
        "key": request.key,
        "digest": digest.hex(),
        "taken_at": None,
        "reservation": request.reservation,
        "lines": lines,
        "codes": codes,
        "signals": seen,
        "answer": quote.response() | {"id": request.key},
        "loss": 0,
        "loss_most": 0,
        "fiscal": None,
    }


def _find_product(snapshot: CheckoutSnapshot, quote: Quote, line: Any) -> int | None:
    brands = [row.code.brand for row in quote.applied if row.code]
    return next((number for brand in brands if (number := snapshot.find_product(brand, line))), None)
