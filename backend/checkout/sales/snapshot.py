"""What checkout_snapshot reads in one statement: a basket's codes, products and reservation, and the first response."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import text

from backend.checkout.schemas import BasketLine
from backend.core.db.database import Database
from backend.core.http.errors import Unauthenticated
from backend.shops.authentication import TillIdentity
from scanning.codes import gs1
from scanning.problem import Problem

READ_SNAPSHOT = text("SELECT n, found FROM checkout_snapshot(CAST(:requests AS jsonb))")


class CodeSnapshot(msgspec.Struct, frozen=True):
    """A promo code as it is now, with the counters of its limits."""

    id: int
    code: str
    brand: int
    campaign: int
    account: int | None
    used: int
    closed: bool
    programme: int
    rules_version: int
    currency: str
    today: date
    card: str | None
    here: bool
    remaining: int | None
    counts: dict[str, int]
    word_since: datetime | None = None  # set if another code had this word before
    debt_left: int | None = None  # by how much the brand's debt to the shop may still grow; None: no limit


class UseCounter(msgspec.Struct, frozen=True):
    """A counter that one use increments, and its limit."""

    campaign: int
    scope: str
    key: str
    day: date
    most: int


class CodeUse(msgspec.Struct, frozen=True):
    """One use of a code: the code itself and the counters that its rule limits."""

    code: int
    uses: int | None
    counts: list[UseCounter]


class FirstResponse(msgspec.Struct, frozen=True):
    """The first response to a request id, with the digest of that request's body."""

    digest: str
    answer: dict[str, Any]


class CheckoutSnapshot(msgspec.Struct, frozen=True):
    """Everything that a quote is computed from, and the till as it is now. `products` are brand, SKU, GTIN, id.

    `wrong` counts the unknown codes that the till gave within its window, `visitor` those of a visitor of its pages;
    `wrong_wait` and `visitor_wait` are the seconds left of each window.
    """

    till: TillIdentity
    codes: list[CodeSnapshot]
    products: list[tuple[int, str, str | None, int]]
    reserved: list[CodeUse] | None
    lapsed: bool
    wrong: int | None
    first: FirstResponse | None
    wrong_wait: int | None = None
    visitor: int | None = None
    visitor_wait: int | None = None

    def find_product(self, brand: int, line: BasketLine) -> int | None:
        """The id of the brand's product on a line, by SKU or else by GTIN."""
        line_gtin = normalized_gtin(line)
        of_brand = [row for row in self.products if row[0] == brand]
        by_sku = [row[3] for row in of_brand if row[1] == line.sku]
        return next(iter(by_sku + [row[3] for row in of_brand if line_gtin and row[2] == line_gtin]), None)


def normalized_gtin(line: BasketLine) -> str | None:
    """A line's GTIN in 14 digits. An invalid GTIN is ignored: it does not matter to a till."""
    try:
        return gs1.read_gtin(line.gtin) if line.gtin else None
    except Problem:
        return None


class SnapshotReader:
    """Calls checkout_snapshot, for the concurrent requests of several tills at once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._batcher = db.batcher(self._run)

    async def read_snapshot(
        self,
        *,
        token: str,
        codes: Sequence[str],
        basket: Sequence[BasketLine],
        buyer: str | None,
        at: datetime,
        key: str | None = None,
        reservation: str | None = None,
        visitor: str | None = None,
        stop_at: int | None = None,
    ) -> CheckoutSnapshot:
        """Read everything in one round trip.

        Raises:
            Unauthenticated: the token belongs to no till any more.
        """
        snapshot = await self._batcher.execute(
            {
                "token": token,
                "key": key,
                "reservation": reservation,
                "codes": codes,
                "skus": [line.sku for line in basket if line.sku],
                "gtins": [number for line in basket if (number := normalized_gtin(line))],
                "buyer": buyer,
                "at": at,
                "visitor": visitor,
                "stop_at": stop_at,
            }
        )
        if snapshot is None:
            raise Unauthenticated
        return msgspec.json.decode(snapshot, type=CheckoutSnapshot)

    async def _run(self, requests: Sequence[dict[str, Any]], *, fail_on_lock: bool) -> list[str | None]:  # noqa: ARG002 - it takes no locks
        numbered = [request | {"n": number} for number, request in enumerate(requests)]
        rows = await self._db.rows(READ_SNAPSHOT, requests=msgspec.json.encode(numbered).decode())
        snapshots = {row.n: row.found for row in rows}
        return [snapshots.get(number) for number in range(len(numbered))]
