"""Imports are paid for in seconds, by the member of staff and by the network."""

import uuid

import pytest
from sqlalchemy import text

IMPORTS, PRODUCTS = "/v1/console/imports", "/v1/console/products/import"
COUNTED = text("SELECT key, count FROM counters WHERE key LIKE 'import_ms:%' ORDER BY key")
ADD = text("SELECT limit_count(:key, 3600, 5000)")


async def send(worker, content=b"sku,name_ru\nA,x\n"):
    return await worker.ask("POST", PRODUCTS, files={"file": ("p", content)})


@pytest.mark.parametrize(("content", "status"), [(b"sku,name_ru\nA,x\n", 200), (b"PK\x03\x04broken", 422)])
async def test_import_counts_its_time_for_member_and_network(world, content, status):
    manager = await world.staff(role="manager")

    answer = await send(manager, content)

    counted = await world.db.rows(COUNTED)
    assert answer.status_code == status
    assert [row.key.split(":")[1] for row in counted] == ["member", "network"]
    assert 1 <= counted[0].count < 30_000


@pytest.mark.parametrize("whose", ["import_seconds_per_hour", "import_seconds_per_hour_per_network"])
async def test_import_with_a_full_hour_is_limited(world, number, whose):
    manager = await world.staff(role="manager")
    await send(manager)
    for row in await world.db.rows(COUNTED):
        await world.db.rows(ADD, key=row.key)
    number(whose, 5)

    direct = await send(manager)
    checked = await manager.ask(
        "PUT", f"{IMPORTS}/{uuid.uuid4()}", files={"file": ("f", b"sku")}, params={"kind": "products"}
    )

    assert (direct.status_code, checked.status_code) == (429, 429)
    assert 0 < int(direct.headers["retry-after"]) <= 3600
