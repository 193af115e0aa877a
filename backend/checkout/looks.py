"""What checkout_look finds: the codes of a basket, the products its lines are, what is set aside, what was answered."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import text

from backend.checkout.schemas import BasketLine
from backend.database import Database
from backend.errors import Unauthenticated
from backend.shops.door import TillAt
from scanning import gs1
from scanning.problem import Problem

LOOK = text("SELECT n, found FROM checkout_look(CAST(:asked AS jsonb))")


class Known(msgspec.Struct, frozen=True):
    """A code as it stands, with what its limits have counted so far."""

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


class Count(msgspec.Struct, frozen=True):
    """A counter that a use goes into, and how far it may go."""

    campaign: int
    scope: str
    key: str
    day: date
    most: int


class Use(msgspec.Struct, frozen=True):
    """A use of a code: of itself, and of counters that its rule limits."""

    code: int
    uses: int | None
    counts: list[Count]


class First(msgspec.Struct, frozen=True):
    """What a key was answered first."""

    digest: str
    answer: dict[str, Any]


class Look(msgspec.Struct, frozen=True):
    """All that a quote is made from, and the till as it is now. `products` are brand, SKU, GTIN, id."""

    till: TillAt
    codes: list[Known]
    products: list[tuple[int, str, str | None, int]]
    reserved: list[Use] | None
    lapsed: bool
    wrong: int | None
    first: First | None

    def product(self, brand: int, line: BasketLine) -> int | None:
        """The brand's product that a line is, by SKU or else by GTIN."""
        number = gtin(line)
        of_brand = [row for row in self.products if row[0] == brand]
        by_sku = [row[3] for row in of_brand if row[1] == line.sku]
        return next(iter(by_sku + [row[3] for row in of_brand if number and row[2] == number]), None)


def gtin(line: BasketLine) -> str | None:
    """A line's GTIN in 14 digits; what is none does not matter to a till."""
    try:
        return gs1.read_gtin(line.gtin) if line.gtin else None
    except Problem:
        return None


class Looks:
    """The way to checkout_look: the questions of several tills at once where they come together."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._together = db.together(self._run)

    async def look(
        self,
        *,
        token: str,
        codes: Sequence[str],
        basket: Sequence[BasketLine],
        buyer: str | None,
        at: datetime,
        key: str | None = None,
        reservation: str | None = None,
    ) -> Look:
        """Look everything up in one round trip.

        Raises:
            Unauthenticated: the token is no till's any more.
        """
        found = await self._together.do(
            {
                "token": token,
                "key": key,
                "reservation": reservation,
                "codes": codes,
                "skus": [line.sku for line in basket if line.sku],
                "gtins": [number for line in basket if (number := gtin(line))],
                "buyer": buyer,
                "at": at,
            }
        )
        if found is None:
            raise Unauthenticated
        return msgspec.json.decode(found, type=Look)

    async def _run(self, asked: Sequence[dict[str, Any]], *, hurry: bool) -> list[str | None]:  # noqa: ARG002 - it locks nothing
        told = [question | {"n": number} for number, question in enumerate(asked)]
        rows = await self._db.rows(LOOK, asked=msgspec.json.encode(told).decode())
        found = {row.n: row.found for row in rows}
        return [found.get(number) for number in range(len(told))]
