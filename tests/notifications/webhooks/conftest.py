"""A brand with a webhook, its receiver, and a worker that runs on request of a test."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.notifications.webhooks import fan_out, sender
from tests.make import Worker, World
from tests.notifications.webhooks.receiver import Receiver, receiving


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
    """A webhook of a brand, with the actions of tests."""

    def __init__(self, staff: Worker, db: Database, settings: Settings, key: str, secret: str) -> None:
        self.staff = staff
        self.db = db
        self.settings = settings
        self.path = f"/v1/console/webhooks/{key}"
        self.secret = secret

    async def create_event(self, sku: str = "A1") -> None:
        """Record an event that webhooks deliver."""
        (await self.staff.put(f"/v1/console/products/{sku}", {"name_ru": "Кран"})).raise_for_status()

    async def work(self, **options: Any) -> None:
        """Run the worker's tasks once."""
        await fan_out.tell(db=self.db)
        await sender.send_all(self.db, self.settings, **options)

    async def later(self) -> None:
        """Make all pending deliveries due."""
        await self.db.rows(text("UPDATE webhook_deliveries SET due_at = now() WHERE state IN ('waiting', 'sending')"))

    async def log(self, query: str = "") -> list[dict[str, Any]]:
        return (await self.staff.get(f"{self.path}/deliveries{query}")).json()["items"]


@pytest.fixture
async def hook(brand: Worker, db: Database, private: Settings, receiver: Receiver) -> Hook:
    """A webhook for all kinds of events."""
    return await make_hook(brand, db, private, receiver.url)


async def make_hook(staff: Worker, db: Database, settings: Settings, url: str, key: str = "erp", **fields: Any) -> Hook:
    made = await staff.put(f"/v1/console/webhooks/{key}", {"url": url} | fields)
    assert made.status_code == 200, made.text
    return Hook(staff, db, settings, key, made.json()["secret"])
