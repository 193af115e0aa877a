"""Quotes and sales: read a snapshot, decide by pure functions, then record everything in one statement."""

from typing import Any

import msgspec
import psycopg

from backend.checkout.sales import signals
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
from backend.checkout.sales.record_builder import sale_record
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
        sale = sale_record(request, snapshot, quote, digest)
        sale.fiscal = body.fiscal
        signals.apply_own_code_rule(checkout.settings, sale, quote, body.buyer, request.at)
        try:
            return await checkout.sales.record_sale(sale)
        except psycopg.errors.UniqueViolation as error:
            raise ReceiptConflict from error
        except psycopg.Error as error:
            invalidate_stale_rules(checkout, quote, error)
    raise Busy(retry_after=1)
