"""Who gets in where: every route, every role, and every other brand, taken from the route table."""

import json
import uuid
from collections import Counter

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from backend.app import description
from backend.brands import door
from tests.console.doors import MARK, READ, house, routes, ways
from tests.make import World, bearer

SIGN_IN = ("POST", "/v1/staff/sessions")
# Where anybody may knock.
STRANGERS = {
    SIGN_IN, ("POST", "/v1/accounts"), ("POST", "/v1/sessions"), ("POST", "/v1/sessions/challenges"),
    ("POST", "/v1/receipts/callbacks/{provider}"), ("GET", "/v1/seals"),
}  # fmt: skip


@pytest.fixture
async def theirs(world: World):
    """A brand with one of everything."""
    return await house(world)


def staff_routes(app):
    prefixes = ("/v1/console", "/v1/staff")
    return {route: handler for route, handler in routes(app).items() if route[1].startswith(prefixes)}


async def test_every_route_of_the_staff_is_listed(app, theirs):
    found = staff_routes(app)

    assert found.keys() - {SIGN_IN} == ways(theirs).keys()


async def test_every_route_of_the_staff_has_the_door_and_nobody_else_has(app):
    guarded = {route for route, handler in routes(app).items() if door.guard in handler.resolve_guards()}

    assert guarded == staff_routes(app).keys() - {SIGN_IN}


async def test_every_route_is_open_to_the_roles_that_it_should_be_open_to(app, theirs):
    listed = ways(theirs)

    opened = {route: staff_routes(app)[route].opt["roles"] for route in listed}

    assert opened == {route: way.roles for route, way in listed.items()}


async def test_strangers_and_agents_are_kept_out_everywhere(world: World, client, theirs):
    agent = bearer(await world.account())
    lets_in = {}
    for (method, pattern), way in ways(theirs).items():
        for name, headers in (("nobody", {}), ("agent", agent)):
            options = way.options | {"headers": way.options.get("headers", {}) | headers}
            answer = await client.request(method, way.path, **options)
            if answer.status_code != 401:
                lets_in[method, pattern, name] = answer.status_code

    assert lets_in == {}


@pytest.mark.parametrize("body", [None, b"{"], ids=["a right body", "a body that is none"])
async def test_staff_are_kept_out_of_everything_of_the_agents(app, theirs, body):
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
async def test_every_role_may_do_what_is_its_own_and_nothing_else(world: World, theirs, role):
    brand = await world.brand_of(theirs.owner)
    wrong = {}
    for (method, pattern), way in ways(theirs).items():
        worker = await world.staff(brand, role)
        answer = await worker.ask(method, way.path, **way.options)
        forbidden = answer.status_code == 403 and answer.json()["code"] == "role_forbids"
        if forbidden == (role in way.roles) or answer.status_code in (401, 405) or answer.status_code >= 500:
            wrong[method, pattern] = answer.text

    assert wrong == {}


async def test_no_route_reaches_into_another_brand(world: World, owner, theirs):
    wrong = {}
    for route, way in ways(theirs).items():
        stranger = await world.staff()
        before = await all_but(owner, stranger.brand_id)
        answer = await stranger.ask(route[0], way.path, **way.options)
        after = await all_but(owner, stranger.brand_id)
        told = f"{answer.status_code} {answer.text}"
        if answer.status_code != (way.stranger or answer.status_code) or answer.status_code >= 500:
            wrong[route] = told
        if MARK in answer.text or theirs.owner.email in answer.text:
            wrong[route] = f"tells: {told}"
        if lost := before - after:
            wrong[route] = f"changes: {lost}"
        if added := {row for row in after - before if row[0] in BRANDED}:
            wrong[route] = f"adds: {added}"

    assert wrong == {}


BRANDED = {
    "batch_files", "batches", "brand_cards", "brand_shops", "brands", "campaign_versions", "campaigns",
    "certificate_uses", "certificates", "events", "fraud_signals", "freezes", "line_aliases", "offers", "order_steps",
    "orders", "products", "programmes", "promo_codes", "promo_issues", "receipt_lines", "receipt_passes",
    "receipt_sellers", "receipt_signals", "redemptions", "review_steps", "reviews", "rungs", "slots", "staff",
    "staff_sessions", "statements", "stock_codes", "stock_levels", "webhook_deliveries", "webhook_endpoints",
    "yearly_sums",
}  # fmt: skip
# What belongs to whoever asks.
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
    """All tables of ours, and whether each row says whose it is."""
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


async def test_the_database_itself_shows_a_transaction_one_brand_only(world: World, db, theirs):
    other = await house(world)
    seen = {}
    async with db.begin() as session:
        branded = [name for name, branded in await tables(session) if branded and name != "events"]
        await session.execute(door.ONE_BRAND, {"brand": str(theirs.owner.brand_id)})
        for name in branded:
            query = f'SELECT brand_id FROM "{name}"'  # noqa: S608 - names of our own tables
            seen[name] = set(await session.scalars(text(query)))
        changed = await session.execute(text("UPDATE products SET price = 1 WHERE sku = 'SKU'"))

    assert set(seen) == BRANDED - {"brands", "events", "staff_sessions"}
    assert seen == {name: {theirs.owner.brand_id} for name in branded}
    assert changed.rowcount == 1
    assert "price" not in (await other.owner.get("/v1/console/products/SKU")).json()


async def test_the_database_itself_takes_no_row_for_another_brand(world: World, db, theirs):
    stranger = await world.brand()
    row = text("INSERT INTO products (brand_id, sku, name_ru, search) VALUES (:brand, 'x', 'x', 'x')")

    async with db.sessions() as session:
        await session.execute(door.ONE_BRAND, {"brand": str(theirs.owner.brand_id)})
        with pytest.raises(ProgrammingError, match="row-level security"):
            await session.execute(row, {"brand": stranger.id})


async def test_a_request_leaves_no_brand_behind_on_its_connection(world: World, db, theirs):
    await theirs.owner.get("/v1/console/products")

    async with db.begin() as session:
        left = await session.scalar(text("SELECT coalesce(current_setting('scanback.brand', true), '')"))

    assert left == ""
