"""Access to each route: by role, by credential and by staff of another brand. The routes come from the application."""

import inspect
import json
import uuid
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from backend.app import description
from backend.identity.brands import authentication
from tests.console.marked_brand import MARK, marked_brand
from tests.console.route_calls import READ, route_calls, routes
from tests.make import World, bearer

SIGN_IN = {("POST", "/v1/staff/sessions"), ("POST", "/v1/staff/sessions/challenges")}
# Routes without authentication.
STRANGERS = {
    *SIGN_IN,
    ("POST", "/v1/accounts"),
    ("POST", "/v1/sessions"),
    ("POST", "/v1/sessions/challenges"),
    ("POST", "/v1/devices/pending"),
    ("GET", "/v1/devices/pending"),
    ("POST", "/v1/receipts/callbacks/{provider}"),
    ("GET", "/v1/seals"),
}


@pytest.fixture
async def theirs(world: World):
    """A brand with one of everything."""
    return await marked_brand(world)


def staff_routes(app):
    prefixes = ("/v1/console", "/v1/staff")
    return {route: handler for route, handler in routes(app).items() if route[1].startswith(prefixes)}


async def test_every_staff_route_is_listed(app, theirs):
    found = staff_routes(app)

    assert found.keys() - SIGN_IN == route_calls(theirs).keys()


async def test_staff_routes_have_the_guard_and_others_not(app):
    guarded = {
        route
        for route, handler in routes(app).items()
        if authentication.guard in map(inspect.unwrap, handler.resolve_guards())
    }

    assert guarded == staff_routes(app).keys() - SIGN_IN


async def test_routes_allow_their_roles(app, theirs):
    listed = route_calls(theirs)

    opened = {route: staff_routes(app)[route].opt["roles"] for route in listed}

    assert opened == {route: call.roles for route, call in listed.items()}


async def test_staff_routes_refuse_agents_and_unauthenticated_requests(world: World, client, theirs):
    agent = bearer(await world.account())
    lets_in = {}
    for (method, pattern), call in route_calls(theirs).items():
        for name, headers in (("unauthenticated", {}), ("agent", agent)):
            options = call.options | {"headers": call.options.get("headers", {}) | headers}
            answer = await client.request(method, call.path, **options)
            if answer.status_code != 401:
                lets_in[method, pattern, name] = answer.status_code

    assert lets_in == {}


@pytest.mark.parametrize("body", [None, b"{"], ids=["a right body", "a body that is none"])
async def test_agent_routes_refuse_staff(app, theirs, body):
    agents = {route for route in routes(app) if route[1].startswith("/v1/")} - staff_routes(app).keys() - STRANGERS
    described = json.loads(description())["paths"]
    lets_in = {}
    for method, pattern in agents:
        operation = described[pattern][method.lower()]
        media = operation.get("requestBody", {"content": {}})["content"]
        options = {"json": media["application/json"]["example"]} if "application/json" in media else {}
        if body:
            options = {"content": body, "headers": {"Content-Type": "application/json"}}
        answer = await theirs.owner.ask(method, filled(pattern, operation), **options)
        if answer.status_code != 401:
            lets_in[method, pattern] = answer.status_code

    assert len(agents) > 10
    assert lets_in == {}


def filled(pattern, operation):
    """An address with something that fits in each of its places."""
    for place in operation.get("parameters", []):
        value = str(uuid.uuid4()) if place["schema"].get("format") == "uuid" else "1"
        pattern = pattern.replace(f"{{{place['name']}}}", value)
    return pattern


@pytest.mark.parametrize("role", sorted(READ))
async def test_roles_may_call_only_their_routes(world: World, theirs, role):
    brand = await world.brand_of(theirs.owner)
    wrong = {}
    for (method, pattern), call in route_calls(theirs).items():
        worker = await world.staff(brand, role)
        answer = await worker.ask(method, call.path, **call.options)
        forbidden = answer.status_code == 403 and answer.json()["code"] == "role_forbids"
        if forbidden == (role in call.roles) or answer.status_code in (401, 405) or answer.status_code >= 500:
            wrong[method, pattern] = answer.text

    assert wrong == {}


# What moves money or grants power.
FRESH = {
    ("PUT", "/v1/console/brand"),
    ("PUT", "/v1/console/staff/{email}"),
    ("DELETE", "/v1/console/staff/{email}"),
    ("DELETE", "/v1/console/staff/{email}/second-factors"),
    ("PUT", "/v1/console/campaigns/{key}"),
    ("PUT", "/v1/console/identities/{card_number}"),
    ("PUT", "/v1/console/orders/{order}/decision"),
    ("PUT", "/v1/console/programmes/{key}/rates/{start}"),
    ("PUT", "/v1/console/shops/{key}/statements/{number}"),
    ("PUT", "/v1/console/shops/{key}/tills/{till}"),
    ("POST", "/v1/console/shops/{key}/tills/{till}/tokens"),
    ("PUT", "/v1/console/shops/{key}/brands/{brand}"),
    ("PUT", "/v1/console/shops/{key}/brands/{brand}/payments/{number}"),
    ("PUT", "/v1/console/offers/{key}"),
    ("PUT", "/v1/console/batches/{key}"),
    ("GET", "/v1/console/batches/{key}/files/{kind}/parts/{number}"),
    ("PUT", "/v1/console/webhooks/{key}"),
    ("POST", "/v1/console/webhooks/{key}/secrets"),
}


async def test_sensitive_routes_require_recent_authentication(world: World, app, theirs):
    worker = await world.staff(await world.brand_of(theirs.owner), second_factor_at=datetime.now(UTC))
    async with world.db.begin() as session:
        await session.execute(text("UPDATE staff_sessions SET created_at = now() - interval '11 minutes'"))
    marked = {route for route, handler in staff_routes(app).items() if "reauthenticates" in handler.opt}
    listed = route_calls(theirs)

    answers = {route: await worker.ask(route[0], listed[route].path, **listed[route].options) for route in marked}

    assert marked >= FRESH
    assert {route: answer.json()["code"] for route, answer in answers.items()} == dict.fromkeys(
        marked, "authentication_expired"
    )


async def test_route_to_another_brands_data_is_refused(world: World, owner, theirs):
    wrong = {}
    for route, call in route_calls(theirs).items():
        stranger = await world.staff()
        before = await all_but(owner, stranger.brand_id)
        answer = await stranger.ask(route[0], call.path, **call.options)
        after = await all_but(owner, stranger.brand_id)
        response_text = f"{answer.status_code} {answer.text}"
        if answer.status_code != (call.stranger or answer.status_code) or answer.status_code >= 500:
            wrong[route] = response_text
        if MARK in answer.text or theirs.owner.email in answer.text:
            wrong[route] = f"reveals: {response_text}"
        if lost := before - after:
            wrong[route] = f"changes: {lost}"
        if added := {row for row in after - before if row[0] in BRANDED}:
            wrong[route] = f"adds: {added}"

    assert wrong == {}


BRANDED = {
    "approvals",
    "batch_files",
    "batches",
    "brand_cards",
    "brand_shops",
    "brands",
    "campaign_versions",
    "campaigns",
    "certificate_uses",
    "certificates",
    "corrections",
    "events",
    "fraud_signals",
    "freezes",
    "line_aliases",
    "offers",
    "order_steps",
    "orders",
    "products",
    "programmes",
    "promo_codes",
    "promo_issues",
    "receipt_lines",
    "receipt_passes",
    "receipt_sellers",
    "receipt_signals",
    "redemptions",
    "review_steps",
    "reviews",
    "rungs",
    "scan_signals",
    "slots",
    "staff",
    "staff_sessions",
    "statements",
    "stock_codes",
    "stock_levels",
    "webhook_deliveries",
    "webhook_endpoints",
    "import_files",
    "yearly_sums",
}
# What belongs to the caller.
OWN = {
    "brands": "id = :brand",
    "staff_sessions": "staff_id IN (SELECT id FROM staff WHERE brand_id = :brand)",
}


async def all_but(owner, brand_id):
    """Every row of every table, but for what belongs to one brand, and counters and jobs."""
    found = Counter()
    async with owner.begin() as session:
        for name, branded in await tables(session):
            own = OWN.get(name, "coalesce(brand_id, 0) = :brand" if branded else "false AND :brand = 0")
            query = f'SELECT t::text FROM "{name}" t WHERE NOT ({own})'  # noqa: S608 - names of our own tables
            rows = await session.scalars(text(query), {"brand": brand_id})
            found.update((name, row) for row in rows)
    return found


async def tables(session):
    """All our tables, and whether each has a brand_id."""
    return (
        await session.execute(
            text("""
                SELECT t.tablename, c.column_name IS NOT NULL FROM pg_tables t
                LEFT JOIN information_schema.columns c
                    ON c.table_schema = 'public' AND c.table_name = t.tablename AND c.column_name = 'brand_id'
                WHERE t.schemaname = 'public' AND t.tablename NOT LIKE 'procrastinate%'
                    AND t.tablename NOT IN ('counters', 'alembic_version')
            """)
        )
    ).all()


async def test_row_level_security_shows_one_brand(world: World, db, theirs):
    other = await marked_brand(world)
    seen = {}
    async with db.begin() as session:
        branded = [name for name, branded in await tables(session) if branded and name != "events"]
        await session.execute(authentication.SET_BRAND, {"brand": str(theirs.owner.brand_id)})
        for name in branded:
            query = f'SELECT brand_id FROM "{name}"'  # noqa: S608 - names of our own tables
            seen[name] = set(await session.scalars(text(query)))
        changed = await session.execute(text("UPDATE products SET price = 1 WHERE sku = 'SKU'"))

    assert set(seen) == BRANDED - {"brands", "events", "staff_sessions"}
    assert seen == {name: {theirs.owner.brand_id} for name in branded}
    assert changed.rowcount == 1
    assert "price" not in (await other.owner.get("/v1/console/products/SKU")).json()


async def test_row_level_security_refuses_rows_of_another_brand(world: World, db, theirs):
    stranger = await world.brand()
    row = text("INSERT INTO products (brand_id, sku, name_ru, search) VALUES (:brand, 'x', 'x', 'x')")

    async with db.sessions() as session:
        await session.execute(authentication.SET_BRAND, {"brand": str(theirs.owner.brand_id)})
        with pytest.raises(ProgrammingError, match="row-level security"):
            await session.execute(row, {"brand": stranger.id})


async def test_connection_has_no_brand_after_a_request(world: World, db, theirs):
    await theirs.owner.get("/v1/console/products")

    async with db.begin() as session:
        left = await session.scalar(text("SELECT coalesce(current_setting('scanback.brand', true), '')"))

    assert left == ""
