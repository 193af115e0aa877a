"""Values at the edges of every query parameter of every route: refused or read, never a fault of ours."""

import re
import uuid
from typing import Any
from urllib.parse import quote

import pytest

from backend.core.http.pagination import encode_cursor
from tests.core.openapi.test_document import DOCUMENT
from tests.make import World, bearer

DAYS = ["0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31", "1900-02-29", "0000-00-00", "-0001-01-01", "2026-11-31"]
NUMBERS = ["-9223372036854775808", "9223372036854775807", "9223372036854775808", "9" * 400, "0", "-1", "1e400", "NaN"]
TEXTS = ["%00", "a%00b", "%ED%A0%80", "%FF", "%F4%90%80%80", "", "x" * 5000, "%25%27%22", "null", "%E2%80%AE"]
CURSORS = [
    encode_cursor(2**63 - 1),
    encode_cursor(0),
    encode_cursor(""),
    encode_cursor("a\0b"),
    encode_cursor("x" * 3000),
    encode_cursor("\ufffe"),
    "W10",
]
VALUES = [quote(text, safe="%") for text in DAYS + NUMBERS + TEXTS + CURSORS]
ROUTES = [
    (method, path, [row["name"] for row in operation["parameters"] if row["in"] == "query"], operation["security"])
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if any(row["in"] == "query" for row in operation.get("parameters", ()))
]


async def callers(world: World) -> tuple[dict[str, dict[str, str]], dict[str, Any]]:
    """A caller for each kind of route, and existing rows."""
    staff, account = await world.staff(), await world.account()
    programme = await world.programme(await world.brand_of(staff))
    product = await world.product(staff.brand_id)
    await world.campaign(programme)
    batch = await world.batch(programme, product)
    await world.scan(account, world.codes_of(batch)[0])
    shop = await world.shop(staff.brand_id)
    (wallet,) = (await world.home(account))["wallets"]
    (key,) = [row["key"] for row in (await staff.get("/v1/console/shops")).json()["items"]]
    await staff.put("/v1/console/webhooks/erp", {"url": "https://erp.example/"})
    headers_by_scheme = {
        "agent": bearer(account),
        "staff": {"Authorization": f"Bearer {staff.token}"},
        "till": await world.till(shop=shop),
    }
    return headers_by_scheme, {"wallets": wallet["id"], "shops": key, "webhooks": "erp", "batches": batch.key}


def filled(path: str, rows: dict[str, Any]) -> str:
    """A path with rows in it that are there, as far as there are any."""
    group = path.removeprefix("/v1/").removeprefix("console/").partition("/")[0]
    return re.sub(r"\{[^}]*\}", lambda _: str(rows.get(group, uuid.UUID(int=7))), path, count=1).replace(
        "{kind}", "csv"
    )


@pytest.mark.parametrize(("method", "path", "names", "security"), ROUTES, ids=[row[1] for row in ROUTES])
async def test_query_parameter_at_its_edge_is_no_fault(world: World, method, path, names, security):
    headers_by_scheme, rows = await callers(world)
    headers = headers_by_scheme[next(iter(security[0]), "agent")] if security and security[0] else {}
    faults = []

    for name in names:
        others = "".join(f"&{other}=2026-11-22" for other in names if other in {"from", "to"} - {name})
        for value in VALUES:
            address = f"{filled(path, rows)}?{name}={value}{others}"
            response = await world.client.request(method.upper(), address, headers=headers)
            if response.status_code >= 500 or ("%00" in value and response.status_code < 400):
                faults.append((name, value[:40], response.status_code))

    assert faults == []


async def test_nul_in_query_is_named(world: World):
    response = await world.client.get("/v1/offers?shelf=a%00b", headers=bearer(await world.account()))

    assert response.status_code == 400
    assert response.json()["errors"] == [{"field": "shelf", "detail": "holds a NUL character"}]
