"""Quotes and sales: look up, judge by pure functions, then one statement that does it all."""

from typing import Any

import msgspec
import psycopg

from backend.checkout import quotes, signals
from backend.checkout.asking import (
    ATTEMPTS,
    Checkout,
    Request,
    asked,
    digest_of,
    judge,
    look_again,
    look_up,
    wants_another_look,
)
from backend.checkout.looks import Look
from backend.checkout.quotes import Quote
from backend.checkout.schemas import SaleIn
from backend.errors import BodyChanged, Busy, Conflict
from backend.shops.door import TillAt


class TotalChanged(Conflict):
    """The buyer would have to pay another sum: {total} kopecks. Nothing was sold; ask for a quote again."""


class ReceiptTaken(Conflict):
    """This receipt confirms another sale, or this sale has another receipt."""


async def quote(checkout: Checkout, request: Request) -> Quote:
    """What a basket comes to; keeps nothing.

    Raises:
        Unauthenticated: the till is not let in any more. TooManyRequests: it gave too many codes that do not exist.
    """
    return await judge(checkout, request, await look_up(checkout, request))


async def sell(checkout: Checkout, till: TillAt, key: str, body: SaleIn) -> dict[str, Any]:
    """Sell: use the codes, award their agents, owe the shop; the same id again gives the first answer.

    Raises:
        CodesRefused, TotalChanged, ReceiptTaken: nothing was sold. BodyChanged: the id had another body.
        Unauthenticated, CashierNeeded, TokenInPages, Busy, TooManyRequests.
    """
    request, digest = asked(checkout, till, body, key, body.reservation), digest_of(body)
    for _ in range(ATTEMPTS):
        look = await look_up(checkout, request)
        look.till.need_seller()
        request = msgspec.structs.replace(request, till=look.till)
        if look.first:
            if look.first.digest != digest.hex():
                raise BodyChanged
            return look.first.answer
        found = await judge(checkout, request, look)
        if await wants_another_look(checkout, look, found):
            continue
        if body.total is not None and body.total != found.amount - found.discount:
            raise TotalChanged(total=found.amount - found.discount)
        values = sale_of(checkout, request, look, found, digest)
        if body.fiscal:
            values["fiscal"] = body.fiscal
        try:
            return await checkout.sales.sell(values)
        except psycopg.errors.UniqueViolation as error:
            raise ReceiptTaken from error
        except psycopg.Error as error:
            look_again(checkout, found, error)
    raise Busy(retry_after=1)


def sale_of(checkout: Checkout, request: Request, look: Look, found: Quote, digest: bytes) -> dict[str, Any]:
    """What checkout_sell is told."""
    till = request.till
    lines = [
        {"line": line.line, "amount": line.amount, "quantity": round(line.quantity, 3),
         "discount": found.off.get(line.line, 0), "product": _product(look, found, line)}
        for line in found.basket
    ]  # fmt: skip
    codes = [quotes.record(found, row, request.buyer, till.shop_id, request.at) for row in found.applied]
    seen = signals.at_sale(checkout.settings, found, request.body.buyer, request.at, codes)
    return {
        "till": till.till_id, "shop": till.shop_id, "cashier": till.cashier_id, "key": request.key,
        "digest": digest.hex(), "taken_at": None, "reservation": request.reservation, "lines": lines, "codes": codes,
        "signals": seen, "answer": found.answer() | {"id": request.key}, "loss": 0, "loss_most": 0, "fiscal": None,
    }  # fmt: skip


def _product(look: Look, found: Quote, line: Any) -> int | None:
    brands = [row.known.brand for row in found.applied if row.known]
    return next((number for brand in brands if (number := look.product(brand, line))), None)
