"""Catalogues for matching receipt lines: one index for each brand, cached in memory until its products change."""

import asyncio
import time
from typing import Any

import msgspec
from sqlalchemy import text

from backend.core.db.database import Database
from backend.earning.receipts.matching import Catalogue, CatalogueProduct

REFRESH_SECONDS = 10.0  # seconds
# All brands, the state of their products, and the programmes whose campaigns pay for receipts now.
BRANDS = text("""
    SELECT b.id, b.name, (SELECT count(*) FROM products p WHERE p.brand_id = b.id) AS products,
        (SELECT max(p.updated_at) FROM products p WHERE p.brand_id = b.id) AS updated_at,
        (SELECT array_agg(DISTINCT g.id ORDER BY g.id) FROM campaigns c JOIN programmes g ON g.id = c.programme_id
            JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
            WHERE c.brand_id = b.id AND c.state = 'active' AND v.rule -> 'ways' ? 'receipt') AS programmes
    FROM brands b
""")
PRODUCTS = text("""
    SELECT id, sku, gtin, name_ru, name_en, aliases, articles, maker, trade_marks, exact_aliases FROM products
    WHERE brand_id = :brand AND archived_at IS NULL
""")


class BrandCatalogue(msgspec.Struct, frozen=True):
    """A brand's product index, and the programmes that pay for its receipt lines."""

    brand_id: int
    programmes: tuple[int, ...]
    catalogue: Any  # Catalogue; msgspec does not inspect it


class CatalogueCache:
    """The process's cache of catalogues. An index of 100,000 products takes seconds to build, so a thread builds it."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self._built: dict[int, tuple[Any, Any]] = {}  # brand: state of its products, catalogue
        self._brand_catalogues: list[BrandCatalogue] = []
        self._until = 0.0
        self._refreshing = asyncio.Lock()

    async def brand_catalogues(self) -> list[BrandCatalogue]:
        """Catalogues of all brands that pay for receipts, at most `REFRESH_SECONDS` old."""
        async with self._refreshing:
            if time.monotonic() >= self._until:
                rows = [row for row in await self.db.rows(BRANDS) if row.programmes]
                self._brand_catalogues = [
                    BrandCatalogue(row.id, tuple(row.programmes), await self._catalogue(row)) for row in rows
                ]
                self._built = {row.id: self._built[row.id] for row in rows}
                self._until = time.monotonic() + REFRESH_SECONDS
            return self._brand_catalogues

    def invalidate(self) -> None:
        """Read the products again at the next call."""
        self._until = 0.0

    async def _catalogue(self, brand: Any) -> Catalogue:
        state = (brand.name, brand.products, brand.updated_at)
        before = self._built.get(brand.id)
        if before and before[0] == state:
            cached: Catalogue = before[1]
            return cached
        entries = [_catalogue_product(brand.name, row) for row in await self.db.rows(PRODUCTS, brand=brand.id)]
        built = await asyncio.to_thread(Catalogue, entries)
        self._built[brand.id] = (state, built)
        return built


def _catalogue_product(brand: str, row: Any) -> CatalogueProduct:
    names = tuple(name for name in (row.name_ru, row.name_en, *row.aliases, *row.exact_aliases) if name)
    makers = tuple(name for name in (row.maker, *row.trade_marks) if name)
    return CatalogueProduct(
        row.id, brand, names, (row.sku, *row.articles), row.gtin, trade_marks=makers, exact=tuple(row.exact_aliases)
    )
