"""Details of scanned codes in a response: the printed form, the product, and the place in the picture."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.http.models import ResponseModel
from backend.core.language import language
from backend.earning.scans.outcomes import ScanOutcome
from backend.identity.accounts.authentication import Agent
from scanning.codes import gs1, package
from scanning.payload import Payload
from scanning.pictures.decode import Symbol

MAX_TEXT_LENGTH = 100  # characters of a text that is no code of ours
CERTIFICATE_TAIL = 4  # symbols; the whole code can be spent
CACHE_SECONDS, CACHE_SIZE = 600.0, 50_000

NAMES = text("SELECT id, sku, name_ru, name_en FROM products WHERE id = ANY(:ids)")
# A refused code has no accrual that names its product. The product of a code that was never issued is not revealed.
REFUSED = text("""
    SELECT s.id, s.n, packages_product(s.cause, s.cause_id) AS product_id FROM scans s
    WHERE s.account_id = :account AND s.id = ANY(:ids) AND s.status = 'refused' AND s.reason <> 'unknown_code'
        AND s.cause IN (1, 2, 3)
""")

CodeKey = tuple[UUID, int]  # a scan's id and the number of the code in it
Share = Annotated[float, Meta(ge=0, le=1)]


class CodeLocation(ResponseModel):
    """The place of a code in the picture."""

    page: Annotated[int, Meta(description="Page of a PDF, or 1.", examples=[1])]
    corners: Annotated[
        list[tuple[Share, Share]],
        Meta(
            description="Four, clockwise, as shares of the upright picture's width and height; empty if unknown.",
            examples=[[[0.1, 0.2], [0.3, 0.2], [0.3, 0.4], [0.1, 0.4]]],
        ),
    ]


class CodeProduct(ResponseModel):
    """The product of a code."""

    sku: Annotated[str, Meta(examples=["KB-24"])]
    name: Annotated[str, Meta(examples=["Wall boiler, 24 kW"])]


class PictureCode(msgspec.Struct, frozen=True):
    """A code of a picture with its place."""

    payload: Payload
    place: CodeLocation

    @classmethod
    def of(cls, payload: Payload, symbol: Symbol) -> "PictureCode":
        return cls(payload, CodeLocation(symbol.page, [(x, y) for x, y in symbol.outline]))


class CodeDetails(msgspec.Struct, frozen=True):
    """The printed form of a code and its place in the picture."""

    code: str | None
    place: CodeLocation | None = None


class _CachedProduct(msgspec.Struct, frozen=True):
    sku: str
    name_ru: str
    name_en: str
    expires: float  # by the monotonic clock


class ProductNames:
    """A cache of product names in this process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._cache: dict[int, _CachedProduct] = {}

    async def load(self, ids: Iterable[int | None]) -> dict[int, CodeProduct]:
        """These products, in the caller's language."""
        now = time.monotonic()
        wanted = {number for number in ids if number is not None}
        missing = [number for number in wanted if number not in self._cache or self._cache[number].expires < now]
        if missing:
            if len(self._cache) > CACHE_SIZE:
                self._cache.clear()
                missing = list(wanted)
            for row in await self._db.rows(NAMES, ids=missing):
                self._cache[row.id] = _CachedProduct(row.sku, row.name_ru, row.name_en, now + CACHE_SECONDS)
        return {number: _localize_product(self._cache[number]) for number in wanted if number in self._cache}


def _localize_product(product: _CachedProduct) -> CodeProduct:
    is_russian = language.get() == "ru"
    return CodeProduct(product.sku, product.name_ru if is_russian else product.name_en or product.name_ru)


async def load_products(
    db: Database, names: ProductNames, agent: Agent, outcomes: Sequence[ScanOutcome]
) -> Mapping[CodeKey, CodeProduct]:
    """The products of the codes of a response. Only refused packages and units cost a query."""
    handled = [row for row in outcomes if row.reason != "body_changed"]
    product_ids = {(row.id, row.n): row.product_id for row in handled}
    refused = {row.id for row in handled if row.status == "refused" and row.kind in ("package", "marking")}
    if refused:
        for row in await db.rows(REFUSED, account=agent.account_id, ids=list(refused)):
            if (row.id, row.n) in product_ids:
                product_ids[row.id, row.n] = row.product_id
    products = await names.load(product_ids.values())
    return {key: products[number] for key, number in product_ids.items() if number in products}


def picture_details(scan_id: UUID, codes: Sequence[PictureCode]) -> dict[CodeKey, CodeDetails]:
    """The details of a picture's codes, numbered in their order."""
    return {(scan_id, n): CodeDetails(human_readable(code.payload), code.place) for n, code in enumerate(codes)}


def human_readable(found: Payload) -> str | None:
    """The human-readable form of a code, grouped or with identifiers in brackets; None for a receipt."""
    if found.kind == "receipt" or not found.value:
        return None
    if found.kind == "package":
        return package.grouped(found.value) if len(found.value) == package.LENGTH else found.value
    if found.kind == "marking":
        return _element_string(found.value)
    if found.kind == "barcode":
        return found.value[6:] if found.value.startswith("000000") else found.value.removeprefix("0")
    if found.kind == "certificate":
        return "…" + found.value[-CERTIFICATE_TAIL:]
    return found.value[:MAX_TEXT_LENGTH]


def _element_string(value: str) -> str:
    """A marking code in human readable interpretation (GS1 General Specifications, 4.14)."""
    marking = gs1.read_marking(value)
    return f"(01){marking.gtin}(21){marking.serial}"
