"""Makes rows for tests: each function makes one valid thing, a test names only what it is about."""

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from httpx2 import ASGITransport, AsyncClient, Response
from litestar import Litestar
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.security import tokens
from backend.core.settings import Settings
from backend.earning.packages.models import Batch, Range, Slot
from backend.earning.packages.slot_keys import slot_key
from backend.identity.accounts import service as accounts
from backend.identity.accounts.schemas import AccountCreated
from backend.identity.brands.models import Brand, Staff, StaffSession
from backend.programmes.models import BudgetSlice, Campaign, CampaignVersion, Product, Programme
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Rule
from backend.shops.models import BrandShop, Shop, Till
from scanning.codes import package

COUNT = itertools.count(1)


class World:
    """A small world: what is made stays until the test ends."""

    def __init__(self, db: Database, settings: Settings, client: AsyncClient) -> None:
        self.db = db
        self.settings = settings
        self.client = client

    async def account(self) -> AccountCreated:
        async with self.db.begin() as session:
            return await accounts.create_account(session, self.settings, datetime.now(UTC))

    async def add(self, row: Any) -> Any:
        async with self.db.begin() as session:
            session.add(row)
        return row

    async def brand(self, name: str = "") -> Brand:
        return await self.add(Brand(name=name or f"Brand {next(COUNT)}"))

    async def staff(self, brand: Brand | None = None, role: str = "owner", **fields: Any) -> "Worker":
        """A signed-in member of staff of a brand."""
        brand = brand or await self.brand()
        fields = {"email": f"staff-{next(COUNT)}@brand.example", "password_hash": "none"} | fields
        row = await self.add(Staff(brand_id=brand.id, role=role, **fields))
        token = tokens.token("st")
        end = datetime.now(UTC) + timedelta(hours=12)
        await self.add(StaffSession(staff_id=row.id, token_digest=tokens.digest(token), expires_at=end))
        return Worker(self.client, row.id, brand.id, row.email, token)

    async def brand_by_id(self, number: int) -> Brand:
        async with self.db.begin() as session:
            return await session.get_one(Brand, number)

    async def brand_of(self, worker: "Worker") -> Brand:
        async with self.db.begin() as session:
            return await session.get_one(Brand, worker.brand_id)

    def percent(self, basis_points: int) -> Rule:
        return Rule(ways=frozenset({"package", "marking"}), amount=PercentAmount(basis_points))

    async def programme(self, brand: Brand | None = None, **fields: Any) -> Programme:
        brand = brand or await self.brand()
        number = next(COUNT)
        fields = {"key": f"club-{number}", "name": f"Club {number}", "currency": "PTS"} | fields
        return await self.add(Programme(brand_id=brand.id, **fields))

    async def product(self, brand_id: int, **fields: Any) -> Product:
        fields = {"sku": f"SKU-{next(COUNT)}", "name_ru": "Розетка", "name_en": "Socket"} | fields
        return await self.add(Product(brand_id=brand_id, **fields))

    async def campaign(
        self, programme: Programme, rule: Rule | None = None, budget: int | None = None, **fields: Any
    ) -> Campaign:
        rule = rule or Rule(ways=frozenset({"package", "marking"}), amount=FixedAmount(100))
        names = {"name_ru": fields.pop("name_ru", "Осень"), "name_en": fields.pop("name_en", "Autumn")}
        fields = {
            "key": f"campaign-{next(COUNT)}",
            "state": "active",
            "starts_at": datetime.now(UTC) - timedelta(days=1),
        } | fields
        campaign = await self.add(
            Campaign(brand_id=programme.brand_id, programme_id=programme.id, budget=budget, **fields)
        )
        version = CampaignVersion(
            brand_id=programme.brand_id, campaign_id=campaign.id, version=1, rule=msgspec.to_builtins(rule), **names
        )
        await self.add(version)
        for number in range(16 if budget is not None else 0):
            await self.add(BudgetSlice(campaign_id=campaign.id, slice=number, remaining=_slice(budget, number)))
        async with self.db.begin() as session:
            await session.execute(
                text("UPDATE programmes SET rules_version = rules_version + 1 WHERE id = :id"),
                {"id": programme.id},
            )
        return campaign

    async def batch(self, programme: Programme, product: Product, count: int = 100, **fields: Any) -> Batch:
        """An active batch in a slot of its own, serials from 0."""
        slot = next(COUNT) % 1024
        await self.add(Slot(slot=slot, brand_id=programme.brand_id, next_serial=count))
        batch = await self.add(
            Batch(
                key=uuid.uuid4(),
                brand_id=programme.brand_id,
                programme_id=programme.id,
                product_id=product.id,
                slot=slot,
                first_serial=0,
                count=count,
                state=fields.get("state", "active"),
            )
        )
        fields = {"state": "active"} | fields
        await self.add(Range(slot=slot, first_serial=0, last_serial=count - 1, batch_id=batch.id, **fields))
        return batch

    async def codes(
        self, count: int = 10, *, rule: Rule | None = None, budget: int | None = None, **state: Any
    ) -> list[str]:
        """Codes of an active batch in a programme with a campaign that pays 100 points each."""
        programme = await self.programme()
        product = await self.product(programme.brand_id)
        await self.campaign(programme, rule, budget)
        batch = await self.batch(programme, product, count, **state)
        return self.codes_of(batch)

    def codes_of(self, batch: Batch) -> list[str]:
        key = slot_key(self.settings.master_key, batch.slot)
        return [package.encode(key, batch.slot, batch.first_serial + number) for number in range(batch.count)]

    async def shop(self, *brand_ids: int, **fields: Any) -> Shop:
        """A shop that serves these brands; the first one keeps it."""
        number = next(COUNT)
        fields = {"number": f"{number:010}", "name": f"Shop {number}"} | fields
        shop = await self.add(Shop(**fields))
        for place, brand_id in enumerate(brand_ids):
            await self.add(BrandShop(brand_id=brand_id, key=f"shop-{number}", shop_id=shop.id, keeper=place == 0))
        return shop

    async def till(self, *brand_ids: int, shop: Shop | None = None, **fields: Any) -> dict[str, str]:
        """The headers of a till in a shop that serves these brands."""
        shop = shop or await self.shop(*brand_ids)
        token = tokens.token("tl")
        fields = {"key": f"till-{next(COUNT)}"} | fields
        await self.add(Till(shop_id=shop.id, token_digest=tokens.digest(token), **fields))
        return {"Authorization": f"Bearer {token}"}

    async def scan(
        self, account: AccountCreated, scanned: str, scan_id: uuid.UUID | None = None, **headers: str
    ) -> Response:
        return await self.client.put(
            f"/v1/scans/{scan_id or uuid.uuid4()}", json={"text": scanned}, headers=bearer(account) | headers
        )

    async def home(self, account: AccountCreated) -> dict[str, Any]:
        return (await self.client.get("/v1/me", headers=bearer(account))).json()


class Worker(msgspec.Struct):
    """A signed-in member of staff, and a client of the console."""

    client: AsyncClient
    id: int
    brand_id: int
    email: str
    token: str

    async def ask(self, method: str, path: str, **options: Any) -> Response:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Response:
        return await self.ask("GET", path, **options)

    async def put(self, path: str, body: Any, **options: Any) -> Response:
        return await self.ask("PUT", path, json=body, **options)

    async def delete(self, path: str) -> Response:
        return await self.ask("DELETE", path)


def _slice(budget: int, number: int) -> int:
    return budget // 16 + (number < budget % 16)


def caller(app: Litestar, host: str, **headers: str) -> AsyncClient:
    """A client that calls from an address of its own."""
    transport = ASGITransport(app, raise_app_exceptions=False, client=(host, 4711))
    return AsyncClient(transport=transport, base_url="http://scanback.test", headers=headers)


def bearer(account: AccountCreated) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.token}"}
