"""A brand with a webhook, a receiver behind it, and a worker that sends when a test says so."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from backend.database import Database
from backend.settings import Settings
from backend.webhooks import sending, telling
from tests.make import Worker, World
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture
def private(app: Litestar) -> Iterator[Settings]:
    """The application's settings, with private addresses allowed."""
    before = app.state["settings"]
    app.state["settings"] = msgspec.structs.replace(before, webhook_private=True)
    yield app.state["settings"]
    app.state["settings"] = before


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
async def brand(world: World) -> Worker:
    return await world.staff()


class Hook:
    """A webhook of a brand, and what a test does with it."""

    def __init__(self, staff: Worker, db: Database, settings: Settings, key: str, secret: str) -> None:
        self.staff = staff
        self.db = db
        self.settings = settings
        self.path = f"/v1/console/webhooks/{key}"
        self.secret = secret

    async def deed(self, sku: str = "A1") -> None:
        """Something that a webhook tells of."""
        (await self.staff.put(f"/v1/console/products/{sku}", {"name_ru": "Кран"})).raise_for_status()

    async def work(self, **options: Any) -> None:
        """Do what the worker does."""
        await telling.tell(db=self.db)
        await sending.send_all(self.db, self.settings, **options)

    async def later(self) -> None:
        """Wait until everything is due, whatever it waits for."""
        await self.db.rows(text("UPDATE webhook_deliveries SET due_at = now() WHERE state IN ('waiting', 'sending')"))

    async def log(self, query: str = "") -> list[dict[str, Any]]:
        return (await self.staff.get(f"{self.path}/deliveries{query}")).json()["items"]


@pytest.fixture
async def hook(brand: Worker, db: Database, private: Settings, receiver: Receiver) -> Hook:
    """A webhook for everything that happens."""
    return await make_hook(brand, db, private, receiver.url)


async def make_hook(staff: Worker, db: Database, settings: Settings, url: str, key: str = "erp", **fields: Any) -> Hook:
    made = await staff.put(f"/v1/console/webhooks/{key}", {"url": url} | fields)
    assert made.status_code == 200, made.text
    return Hook(staff, db, settings, key, made.json()["secret"])
