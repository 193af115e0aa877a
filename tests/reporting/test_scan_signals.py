"""What fraud rules saw in claims, as reviewers of the brand read it."""

import uuid
from datetime import UTC, datetime, timedelta

from tests.make import bearer

CONSOLE = "/v1/console"


async def test_unlikely_scan_time_is_shown_to_reviewers(world, shelf):
    agent, taken_at = await world.account(), (datetime.now(UTC) - timedelta(days=4000)).isoformat()
    body = {"text": shelf.codes[0], "taken_at": taken_at}
    await world.client.put(f"/v1/scans/{uuid.uuid4()}", json=body, headers=bearer(agent))

    page = (await shelf.reviewer.get(f"{CONSOLE}/fraud-signals/scans")).json()
    claim = (await shelf.find_code(shelf.codes[0])).json()["claim"]
    timeline = (await shelf.reviewer.get(f"{CONSOLE}/agents/{agent.card_number}/timeline")).json()["items"]

    (listed,) = page["items"]
    assert (listed["rule"], listed["kind"], listed["card_number"]) == (
        "taken_at_unlikely",
        "package",
        agent.card_number,
    )
    assert (listed["shadow"], listed["inputs"]["taken_at"]) == (True, taken_at)
    assert [(one["rule"], one["inputs"]["taken_at"]) for one in claim["signals"]] == [("taken_at_unlikely", taken_at)]
    assert [one["details"]["signals"][0]["rule"] for one in timeline] == ["taken_at_unlikely"]
    assert listed["code_id"] == (await shelf.find_code(shelf.codes[0])).json()["id"]


async def test_scan_signals_are_paginated_per_brand(world, shelf):
    agent, taken_at = await world.account(), (datetime.now(UTC) - timedelta(days=4000)).isoformat()
    scans = [{"id": str(uuid.uuid4()), "text": code, "taken_at": taken_at} for code in shelf.codes[:3]]
    await world.client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(agent))
    path = f"{CONSOLE}/fraud-signals/scans"

    first = (await shelf.reviewer.get(path, params={"limit": 2})).json()
    rest = (await shelf.reviewer.get(path, params={"cursor": first["next"]})).json()
    strangers = (await (await world.staff(role="reviewer")).get(path)).json()

    ids = [one["id"] for one in first["items"] + rest["items"]]
    assert (len(ids), ids) == (3, sorted(ids, reverse=True))
    assert "next" not in rest
    assert strangers["items"] == []
