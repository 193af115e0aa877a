"""What tests of receipts need: a brand that pays for its goods, receipts in a provider's book, and a worker's turn."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from httpx2 import Response
from sqlalchemy import text

from backend.core.settings import Settings
from backend.earning.receipts.models import ReceiptDocument
from backend.earning.receipts.verification import service as verification
from backend.earning.receipts.verification.service import Verifier
from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.models import Campaign, Product, Programme
from backend.programmes.rules.rule import PercentAmount, Rule
from scanning.receipts.document import Document, Line
from tests.make import World, bearer

NUMBERS = itertools.count(100)
SELLER, OTHER_SELLER = "7707083893", "5024051564"  # valid check digits; no shops
SOCKET, PLUG = "Розетка двойная белая ОПТИМА РА16-374 с з/к 16А", "Вилка угловая ОПТИМА А0112 черная 16А"


class Goods(msgspec.Struct):
    """A brand that pays 6 % for what its catalogue names."""

    programme: Programme
    campaign: Campaign
    socket: Product
    plug: Product


async def goods(world: World, rule: Rule | None = None, **campaign: Any) -> Goods:
    brand = await world.brand("Оптима")
    programme = await world.programme(brand)
    rule = rule or Rule(ways=frozenset({"receipt"}), amount=PercentAmount(600))
    return Goods(
        programme,
        await world.campaign(programme, rule, **campaign),
        await world.product(brand.id, sku="РА16-374", name_ru=SOCKET, articles=["РА16-374"], gtin="04606203090785"),
        await world.product(brand.id, sku="А0112", name_ru=PLUG, articles=["А0112"]),
    )


def line(name: str = SOCKET, amount: int = 90_000, quantity: int = 2, n: int = 0, **fields: Any) -> Line:
    given = {"payment": 4, "subject": 1, "gtin": None, "serial": None, "supplier_inn": None, "unit": 0} | fields
    return Line(n=n, name=name, price=amount // quantity, quantity=Decimal(quantity), sum=amount, **given)


def document(*lines: Line, **fields: Any) -> Document:
    """A receipt of an hour ago in a shop's own time, with a number of its own."""
    lines = tuple(msgspec.structs.replace(row, n=n) for n, row in enumerate(lines or (line(),)))
    number = next(NUMBERS)
    given = {
        "fn": "9999000000000001",
        "fd": number,
        "fp": 1_000_000 + number,
        "at": bought(minutes=60 + 11 * (number % 100)),
        "time_source": "iso",
        "kind": 3,
        "operation": 1,
        "total": sum(row.sum for row in lines),
        "prepaid": 0,
        "credit": 0,
        "seller_inn": SELLER,
        "seller": "ООО «Стройдвор»",
        "place": "Магазин",
        "address": "",
        "kkt": "0000000000000001",
        "region": None,
        "marketplace": False,
        "corrects": None,
        "warnings": (),
    } | fields
    return Document(lines=lines, **given)


def bought(minutes: int = 60) -> datetime:
    """A time of purchase by a clock three hours ahead of ours, to the minute."""
    return (datetime.now(UTC) + timedelta(hours=3) - timedelta(minutes=minutes)).replace(
        tzinfo=None, second=0, microsecond=0
    )


def qr(found: Document) -> str:
    total = f"{found.total // 100}.{found.total % 100:02}"
    return f"t={found.at:%Y%m%dT%H%M}&s={total}&fn={found.fn}&i={found.fd}&fp={found.fp}&n={found.operation}"


class Buying:
    """Helpers that send, verify and settle receipts."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def known(self, *documents: Document) -> None:
        """Store documents as if a provider had found them."""
        for one in documents:
            await self.world.add(
                ReceiptDocument(
                    country="RU",
                    identity=f"{one.fn}:{one.fd}",
                    provider="test",
                    document=msgspec.to_builtins(one),
                    raw={},
                )
            )

    async def scan(
        self, account: AccountCreated, scanned: Document | str, scan_id: uuid.UUID | None = None
    ) -> Response:
        return await self.world.scan(account, scanned if isinstance(scanned, str) else qr(scanned), scan_id)

    async def receipts(self, account: AccountCreated) -> list[dict[str, Any]]:
        return (await self.world.client.get("/v1/receipts", headers=bearer(account))).json()["items"]

    async def work(self, settings: Settings | None = None) -> None:
        """What the worker does when its time comes."""
        verifier = Verifier.of(self.world.db, settings or self.world.settings)
        try:
            await verification.verify_all(verifier)
        finally:
            await verifier.providers.close()

    async def bring(self, account: AccountCreated, found: Document) -> dict[str, Any]:
        """Send and settle a receipt; returns its state."""
        await self.known(found)
        answer = await self.scan(account, found)
        assert answer.json()["status"] == "pending", answer.text
        await self.work()
        (mine,) = [row for row in await self.receipts(account) if row["receipt"].get("fd") == found.fd]
        return mine

    async def make_due(self) -> None:
        """As if the time of all that waits had come."""
        async with self.world.db.begin() as session:
            await session.execute(text("UPDATE receipts SET due_at = now() WHERE due_at IS NOT NULL"))
            await session.execute(text("UPDATE turns SET paused_until = NULL, failures = 0"))


def with_providers(settings: Settings, folder: Path, *tables: dict[str, Any]) -> Settings:
    """The settings of an installation with these providers."""
    path = folder / "providers.toml"
    path.write_text("".join(f"[[provider]]\n{_written(table)}\n" for table in tables), "utf-8")
    path.chmod(0o600)
    return msgspec.structs.replace(settings, receipt_providers=path)


def _written(table: dict[str, Any]) -> str:
    return "".join(f"{key} = {msgspec.json.encode(value).decode()}\n" for key, value in table.items())
