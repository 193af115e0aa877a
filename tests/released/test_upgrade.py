"""Data of the last released version: a dump of what it wrote, upgraded by today's code and used over HTTP.

`0.1.0.sql.gz` is pg_dump's output of the demo's database with some more operations, `0.1.0.json` what clients know.
Both are made once for each release, by the released code. `0.1.0_statements.json` has the statements that a claim, a
sale and an order of that code send, as its driver got them.
"""

import uuid

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine, text

from backend.cli.server.migration import SchemaUnknown, migrate
from tests.released.release_data import KNOWN, STATEMENTS, bearer, prove


def send(url, statements):
    """Send an operation's statements as the application's role; the last one's first row."""
    with psycopg.connect(url.replace("+psycopg", ""), row_factory=dict_row) as connection:
        connection.execute("SET ROLE scanback_app")
        for statement in statements:
            row = connection.execute(statement["sql"], statement["parameters"]).fetchone()
        return row


@pytest.mark.own_db
async def test_released_data_upgraded_goes_on_working(released, server):
    migrate(released.database_url)
    agent, pin = bearer(KNOWN["token"]), {"Scanback-Pin": KNOWN["pin"]}

    me = server.get("/v1/me", headers=agent).json()
    again = server.put(f"/v1/scans/{uuid.uuid4()}", headers=agent, json={"text": KNOWN["claimed"][0]}).json()
    fresh = server.put(f"/v1/scans/{uuid.uuid4()}", headers=agent, json={"text": KNOWN["spare_code"]})
    revealed = server.post(f"/v1/orders/{KNOWN['order']}/reveal", headers=agent | pin)
    order = server.put(f"/v1/orders/{uuid.uuid4()}", headers=agent | pin, json={"offer_id": 3, "nominal": 10000})
    sale = {"codes": [KNOWN["promo_code"]], "basket": [{"line": 1, "name": "Cable", "quantity": 1, "amount": 250000}]}
    sold = server.put(f"/v1/till/sales/{uuid.uuid4()}", headers=bearer(KNOWN["till_key"]), json=sale)
    staff = server.post("/v1/staff/sessions", json=KNOWN["staff"])

    assert me["card_number"] == KNOWN["me"]["card_number"]
    assert me["wallets"][0]["available"] == KNOWN["me"]["wallets"][0]["available"]
    assert again["status"] == "repeated"
    assert fresh.json()["status"] == "credited"
    assert revealed.json()["code"]
    assert order.json()["code"]
    assert sold.json()["discount"] == 12500
    assert staff.status_code == 201
    assert await prove(released.database_url) == []


@pytest.mark.own_db
async def test_released_code_works_beside_new_schema(released):
    migrate(released.database_url)

    claim, sold, order = (send(released.database_url, STATEMENTS[name]) for name in ("claim", "sale", "order"))
    sold_again = send(released.database_url, STATEMENTS["sale"])

    assert (claim["status"], claim["amount"]) == ("credited", 15000)
    # A sale has no row when it is new, and the first response when it is repeated.
    assert (sold, sold_again["changed"], sold_again["answer"]["discount"]) == (None, False, 12500)
    assert (order["refusal"], order["state"]) == (None, "done")
    assert await prove(released.database_url) == []


@pytest.mark.own_db
async def test_released_account_upgraded_preserves_its_credentials(released, server):
    migrate(released.database_url)
    agent, pin = bearer(KNOWN["token"]), {"Scanback-Pin": KNOWN["pin"]}

    alone = server.post("/v1/devices/invitations", headers=agent)
    invited = server.post("/v1/devices/invitations", headers=agent | pin)
    back = server.post("/v1/sessions", json={"recovery_code": KNOWN["recovery_code"]})
    undone = server.delete("/v1/me/recovery", headers=agent | pin)

    assert (alone.status_code, alone.json()["code"]) == (403, "pin_needed")
    assert (invited.status_code, back.status_code, undone.status_code) == (201, 201, 204)


@pytest.mark.own_db
def test_released_data_not_upgraded_is_not_ready(server):
    ready = server.get("/ready")

    assert ready.status_code == 503
    assert "scanback migrate" in ready.json()["migrations"]["hint"]


@pytest.mark.own_db
def test_migrate_unreleased_schema_is_refused_unchanged(released_url):
    engine = create_engine(released_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE offers DROP COLUMN defers_days"))

    with pytest.raises(SchemaUnknown):
        migrate(released_url)

    with engine.begin() as connection:
        assert connection.execute(text("SELECT to_regclass('schema_versions') IS NULL")).scalar_one()
    engine.dispose()
