"""Lookups of a code, a receipt and an agent, for complaints."""

import uuid

import pytest
from sqlalchemy import text

from backend.earning.packages.models import Batch, ImportedCode, MarkedUnit
from backend.earning.packages.service import listed_code_digests
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo, Rule
from tests.make import bearer
from tests.reporting.shelf import add_receipt

CONSOLE = "/v1/console"


async def test_claimed_code_has_batch_claim_and_attempts(world, shelf):
    first, second = await world.account(), await world.account()
    await world.scan(first, shelf.codes[11])
    refused = await world.scan(second, shelf.codes[11])

    found = (await shelf.find_code(shelf.codes[11])).json()

    assert refused.json()["reason"] == "already_claimed"
    assert (found["kind"], found["state"]) == ("package", "claimed")
    assert (found["batch"], found["position"], found["sku"]) == (str(shelf.batch.key), 12, shelf.product.sku)
    assert found["claim"]["card_number"] == first.card_number
    assert (found["claim"]["amount"], found["claim"]["campaign"]) == (100, "autumn")
    assert found["claim"]["why"] == "Autumn: 100 points."
    assert [(one["card_number"], one["reason"]) for one in found["attempts"]] == [
        (second.card_number, "already_claimed")
    ]


async def test_code_scanned_again_creates_an_event(world, shelf, db):
    await world.scan(await world.account(), shelf.codes[0])
    late = await world.account()
    await world.scan(late, shelf.codes[0])

    rows = await db.rows(text("SELECT brand_id, body FROM events WHERE kind = 'package.already_claimed'"))

    assert [row.brand_id for row in rows] == [shelf.brand.id]
    assert set(rows[0].body) == {"cause", "cause_id"}


async def test_codes_scanned_again_in_batch_create_events(world, shelf, client, db):
    await world.scan(await world.account(), shelf.codes[0])
    late = await world.account()
    scans = [{"id": str(uuid.uuid4()), "text": code} for code in shelf.codes[:3]]
    await client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(late))

    rows = await db.rows(text("SELECT count(*) AS n FROM events WHERE kind = 'package.already_claimed'"))

    assert rows[0].n == 1


@pytest.mark.parametrize("spelled", ["{}", "https://ex.ru/C/{}", " {} ", "«{}»"])
async def test_code_is_found_however_it_was_typed(shelf, spelled):
    answer = await shelf.find_code(spelled.format(shelf.codes[0]))

    assert answer.json()["position"] == 1


async def test_unclaimed_code_is_free(shelf):
    found = (await shelf.find_code(shelf.codes[99])).json()

    assert (found["state"], found["position"]) == ("free", 100)
    assert "claim" not in found


async def test_code_in_words_of_the_callers_language(world, shelf):
    await world.scan(await world.account(), shelf.codes[0])

    found = (await shelf.find_code(shelf.codes[0], **{"Accept-Language": "ru"})).json()

    assert (found["name"], found["claim"]["why"]) == ("Розетка", "Осень: 100 баллов.")


async def test_code_of_a_list_has_its_position(world, shelf, settings):
    batch = await listed(world, shelf, "imported")
    await world.add(ImportedCode(batch_id=batch.id, digest=listed_code_digests(settings.peppers, "GIFT-1")[0]))
    await world.add(ImportedCode(batch_id=batch.id, digest=listed_code_digests(settings.peppers, "GIFT-2")[0]))
    agent = await world.account()
    await world.scan(agent, "GIFT-2")

    found = (await shelf.find_code("gift-2")).json()

    assert (found["kind"], found["state"], found["position"]) == ("list", "claimed", 2)
    assert found["claim"]["card_number"] == agent.card_number


async def test_marking_code_is_looked_up(world, shelf):
    batch = await listed(world, shelf, "marked")
    await world.add(MarkedUnit(batch_id=batch.id, gtin="04600000000015", serial="5abcdefghijkl"))

    found = (await shelf.find_code("01046000000000152155abcdefghijkl")).json()

    assert found["kind"] == "marking"


async def listed(world, shelf, origin):
    return await world.add(
        Batch(
            key=uuid.uuid4(),
            brand_id=shelf.brand.id,
            programme_id=shelf.programme.id,
            product_id=shelf.product.id,
            origin=origin,
            count=0,
            state="active",
        )
    )


async def test_code_of_another_brand_is_not_found(world, shelf):
    await world.scan(await world.account(), shelf.codes[0])

    answer = await shelf.find_code(shelf.codes[0], await world.staff())

    assert (answer.status_code, answer.json()["code"]) == (404, "code_not_found")


@pytest.mark.parametrize("typed", ["0A7K2M9XJ4T0C8WN", "nothing at all", "t=1&s=2", "🙂"])
async def test_unknown_text_is_not_found(shelf, typed):
    answer = await shelf.find_code(typed)

    assert (answer.status_code, answer.json()["code"]) == (404, "code_not_found")


async def test_code_lookup_uses_index_of_refused_scans(owner):
    async with owner.begin() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await session.scalars(
            text("EXPLAIN SELECT FROM scans s WHERE s.cause = 1 AND s.cause_id = 5 AND s.reason IS NOT NULL")
        )

        assert "ix_scans_refused" in "\n".join(plan)


async def test_promo_code_lookup_has_campaign_and_owner(world, shelf, client):
    rule = Rule(ways=frozenset({"promo"}), amount=PercentAmount(300), promo=Promo(discount=PercentAmount(500)))
    campaign = await world.campaign(shelf.programme, rule, key="promo")
    agent = await world.account()
    made = await client.put(
        f"/v1/promo-codes/{uuid.uuid4()}",
        json={"programme_id": shelf.programme.id, "campaign": campaign.id, "wish": "IVAN7"},
        headers=bearer(agent),
    )

    found = (await shelf.find_code("ivan7")).json()

    assert made.status_code == 200, made.text
    assert (found["kind"], found["state"], found["campaign"]) == ("promo", "open", "promo")
    assert (found["code"], found["card_number"]) == ("IVAN7", agent.card_number)


PRINTED = {"fn": "9999000000000001", "fp": "77"}


async def test_receipt_is_found_by_printed_numbers_or_id(world, shelf):
    agent = await world.account()
    receipt = await add_receipt(world, shelf, agent, fd=12)

    printed = await shelf.reviewer.ask("POST", f"{CONSOLE}/receipt-lookups", json=PRINTED | {"i": "12"})
    scanned = await shelf.reviewer.ask(
        "POST",
        f"{CONSOLE}/receipt-lookups",
        json={"text": "t=20261122T1528&s=10.00&fn=9999000000000001&i=12&fp=77&n=1"},
    )
    ours = await shelf.reviewer.get(f"{CONSOLE}/receipts/{receipt.id}")

    assert printed.json()["items"] == scanned.json()["items"] == [ours.json()]
    assert ours.json()["card_number"] == agent.card_number
    assert ours.json()["id"] == str(receipt.key)
    assert ours.json()["lines"][0] == {
        "n": 0,
        "name": "Socket",
        "quantity": "2",
        "sum": 500,
        "state": "refused",
        "reason": "no_campaign",
        "why": "Nothing is paid for this product now.",
    }


async def test_receipt_of_another_brands_goods_is_not_found(world, shelf):
    receipt = await add_receipt(world, shelf, await world.account(), fd=13, brand=await world.brand())

    ours = await shelf.reviewer.get(f"{CONSOLE}/receipts/{receipt.id}")
    printed = await shelf.reviewer.ask("POST", f"{CONSOLE}/receipt-lookups", json=PRINTED | {"i": "13"})

    assert (ours.status_code, printed.status_code) == (404, 404)


async def test_receipt_without_products_is_found_by_sign(world, shelf):
    await add_receipt(world, shelf, await world.account(), fd=14, lines=0)

    held = await shelf.reviewer.ask("POST", f"{CONSOLE}/receipt-lookups", json=PRINTED | {"i": "14"})
    guessed = await shelf.reviewer.ask("POST", f"{CONSOLE}/receipt-lookups", json=PRINTED | {"i": "14", "fp": "78"})

    assert held.json()["items"][0]["why"] == "None of the goods on this receipt takes part."
    assert guessed.status_code == 404


@pytest.mark.parametrize("body", [{}, {"fn": "1", "i": "2"}, {"text": "hello"}])
async def test_receipt_lookup_without_numbers_is_refused(shelf, body):
    answer = await shelf.reviewer.ask("POST", f"{CONSOLE}/receipt-lookups", json=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "receipt_lookup_invalid")


async def test_agent_timeline_has_entries_with_reasons(world, shelf):
    agent, other = await world.account(), await world.account()
    await world.scan(other, shelf.codes[1])
    await world.scan(agent, shelf.codes[0])
    await world.scan(agent, shelf.codes[1])
    await add_receipt(world, shelf, agent, fd=15)

    card = (await shelf.reviewer.get(f"{CONSOLE}/agents/{agent.card_number}")).json()
    history = await shelf.reviewer.get(f"{CONSOLE}/agents/{agent.card_number}/timeline")

    assert card["wallets"] == [{"programme": shelf.programme.key, "currency": "PTS", "available": 100}]
    entries = [(one["kind"], one.get("amount"), one.get("why")) for one in history.json()["items"]]
    assert entries == [
        ("receipt", 0, "None of the goods on this receipt takes part."),
        (
            "refused_scan",
            None,
            "This code has already been claimed. If the pack was sealed, keep it and complain.",
        ),
        ("claim", 100, "Autumn: 100 points."),
    ]


async def test_agent_history_pages_through_everything_once(world, shelf):
    agent = await world.account()
    for code in shelf.codes[:7]:
        await world.scan(agent, code)
    path, found, place = f"{CONSOLE}/agents/{agent.card_number}/timeline", [], {}

    while place is not None:
        page = (await shelf.reviewer.get(path, params={"limit": 3} | place)).json()
        found += [one["id"] for one in page["items"]]
        place = {"cursor": page["next"]} if "next" in page else None

    assert len(found) == len(set(found)) == 7


async def test_agent_timeline_with_current_etag_is_not_modified(world, shelf):
    agent = await world.account()
    await world.scan(agent, shelf.codes[0])
    path = f"{CONSOLE}/agents/{agent.card_number}/timeline"

    first = await shelf.reviewer.get(path)
    again = await shelf.reviewer.get(path, headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304


async def test_agent_of_another_brand_is_not_found(world, shelf):
    agent = await world.account()
    await world.scan(agent, shelf.codes[0])
    stranger = await world.staff()
    codes = await world.codes(1)
    await world.scan(agent, codes[0])

    answer = await stranger.get(f"{CONSOLE}/agents/{agent.card_number}")
    history = (await shelf.reviewer.get(f"{CONSOLE}/agents/{agent.card_number}/timeline")).json()

    assert (answer.status_code, answer.json()["code"]) == (404, "agent_not_found")
    assert len(history["items"]) == 1


async def test_agent_with_foreign_units_is_not_found(world, shelf):
    batch = await listed(world, shelf, "marked")
    await world.add(MarkedUnit(batch_id=batch.id, gtin="04600000000015", serial="5abcdefghijkl"))
    rival = await world.staff()
    await world.product(rival.brand_id, gtin="04600000000015")
    agent = await world.account()
    await world.scan(await world.account(), "0104600000000015215abcdefghijkl")
    refused = await world.scan(agent, "0104600000000015215abcdefghijkl")

    ours = await shelf.reviewer.get(f"{CONSOLE}/agents/{agent.card_number}")
    theirs = await rival.get(f"{CONSOLE}/agents/{agent.card_number}")

    assert refused.json()["status"] == "refused"
    assert (ours.status_code, theirs.status_code) == (200, 404)


async def test_unit_claimed_at_another_brand_shows_no_attempts(world, shelf):
    unlisted = Rule(
        ways=frozenset({"marking"}), amount=FixedAmount(100), hold_days=14, cap_per_agent_day=300, unlisted=True
    )
    await world.campaign(shelf.programme, unlisted)
    await world.product(shelf.brand.id, gtin="04600439931256")
    rival = await world.staff()
    await world.programme(await world.brand_of(rival))
    await world.product(rival.brand_id, gtin="04600439931256")
    code, agent = "0104600439931256215abcdefghijkl", await world.account()
    await world.scan(await world.account(), code)
    refused = await world.scan(agent, code)

    ours, theirs = await shelf.find_code(code), await shelf.find_code(code, rival)
    card = await rival.get(f"{CONSOLE}/agents/{agent.card_number}")

    assert refused.json()["reason"] == "already_claimed"
    assert [one["card_number"] for one in ours.json()["attempts"]] == [agent.card_number]
    assert (theirs.json().get("attempts", []), card.status_code) == ([], 404)


@pytest.mark.parametrize("wrong", ["WzE3XQ", "!", "WyJ4fHl8eiJd"])
async def test_agent_timeline_with_invalid_cursor_is_refused(world, shelf, wrong):
    agent = await world.account()
    await world.scan(agent, shelf.codes[0])

    answer = await shelf.reviewer.get(f"{CONSOLE}/agents/{agent.card_number}/timeline", params={"cursor": wrong})

    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")
