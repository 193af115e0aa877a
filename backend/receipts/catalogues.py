"""The catalogues that lines are matched with: one index a brand, kept in memory until its products change."""

import asyncio
import time
from typing import Any

import msgspec
from sqlalchemy import text

from backend.database import Database
from backend.receipts.matching import Catalogue, Entry

LOOK_EVERY = 10.0  # seconds
# Brands whose campaigns pay for receipts now, and the state of their products.
BRANDS = text("""
    SELECT b.id, b.name, (SELECT count(*) FROM products p WHERE p.brand_id = b.id) AS products,
        (SELECT max(p.updated_at) FROM products p WHERE p.brand_id = b.id) AS updated_at,
        (SELECT array_agg(DISTINCT g.id ORDER BY g.id) FROM campaigns c JOIN programmes g ON g.id = c.programme_id
            JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
            WHERE c.brand_id = b.id AND c.state = 'active' AND v.rule -> 'ways' ? 'receipt') AS programmes
    FROM brands b
""")
PRODUCTS = text("""
    SELECT id, sku, gtin, name_ru, name_en, aliases, articles FROM products
    WHERE brand_id = :brand AND archived_at IS NULL
""")


class Goods(msgspec.Struct, frozen=True):
    """A brand's goods, and the programmes that pay for them."""

    brand_id: int
    programmes: tuple[int, ...]
    catalogue: Any  # Catalogue: the wire library need not look into it


class Catalogues:
    """The process's memory of catalogues; building one of 100,000 products takes seconds, so others need not wait."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._built: dict[int, tuple[Any, Any]] = {}  # brand: state of its products, catalogue
        self._goods: list[Goods] = []
        self._until = 0.0
        self._looking = asyncio.Lock()

    async def goods(self) -> list[Goods]:
        """All goods that receipts may pay for, as they stood some seconds ago at the most."""
        async with self._looking:
            if time.monotonic() >= self._until:
                rows = [row for row in await self.db.rows(BRANDS) if row.programmes]
                self._goods = [Goods(row.id, tuple(row.programmes), await self._catalogue(row)) for row in rows]
                self._built = {row.id: self._built[row.id] for row in rows}
                self._until = time.monotonic() + LOOK_EVERY
            return self._goods

    def forget(self) -> None:
        """Look at the products again next time."""
        self._until = 0.0

    async def _catalogue(self, brand: Any) -> Catalogue:
        state = (brand.name, brand.products, brand.updated_at)
        before = self._built.get(brand.id)
        if before and before[0] == state:
            kept: Catalogue = before[1]
            return kept
        entries = [_entry(brand.name, row) for row in await self.db.rows(PRODUCTS, brand=brand.id)]
        built = await asyncio.to_thread(Catalogue, entries)
        self._built[brand.id] = (state, built)
        return built


def _entry(brand: str, row: Any) -> Entry:
    names = tuple(name for name in (row.name_ru, row.name_en, *row.aliases) if name)
    return Entry(row.id, brand, names, (row.sku, *row.articles), row.gtin)
