"""Owners and their staff."""

import asyncio

from sqlalchemy import text

from tests.make import World


async def test_added_member_signs_in_with_generated_password(world: World, client):
    owner = await world.staff()

    added = await owner.put("/v1/console/staff/Boris@teplo.example", {"role": "reviewer"})

    assert added.status_code == 200
    assert (added.json()["email"], added.json()["role"]) == ("boris@teplo.example", "reviewer")
    body = {"email": "boris@teplo.example", "password": added.json()["password"]}
    signed_in = await client.post("/v1/staff/sessions", json=body)
    assert (signed_in.status_code, signed_in.json()["role"]) == (201, "reviewer")


async def test_repeated_request_changes_nothing(world: World):
    owner = await world.staff()
    first = await owner.put("/v1/console/staff/boris@teplo.example", {"role": "reviewer"})

    again = await owner.put("/v1/console/staff/boris@teplo.example", {"role": "reviewer"})

    assert again.status_code == 200
    assert again.json() == {name: value for name, value in first.json().items() if name != "password"}


async def test_changed_role_ends_sessions(world: World):
    owner = await world.staff()
    boris = await world.staff(await world.brand_of(owner), "manager")

    changed = await owner.put(f"/v1/console/staff/{boris.email}", {"role": "analyst"})

    assert changed.json()["role"] == "analyst"
    assert (await boris.get("/v1/staff/me")).status_code == 401


async def test_owner_sets_a_password(world: World, client):
    owner = await world.staff()
    boris = await world.staff(await world.brand_of(owner), "manager")
    body = {"role": "manager", "password": "ten warm radiators"}

    changed = await owner.put(f"/v1/console/staff/{boris.email}", body)

    assert "password" not in changed.json()
    login = {"email": boris.email, "password": "ten warm radiators"}
    assert (await client.post("/v1/staff/sessions", json=login)).status_code == 201


async def test_short_password_is_refused(world: World):
    owner = await world.staff()

    response = await owner.put("/v1/console/staff/boris@teplo.example", {"role": "manager", "password": "short"})

    assert (response.status_code, response.json()["code"]) == (400, "validation_failed")


async def test_disabled_member_is_signed_out_and_can_return(world: World):
    owner = await world.staff()
    boris = await world.staff(await world.brand_of(owner), "manager")

    gone = [await owner.delete(f"/v1/console/staff/{boris.email}") for _ in range(2)]
    refused = await boris.get("/v1/staff/me")
    back = await owner.put(f"/v1/console/staff/{boris.email}", {"role": "manager"})

    assert [response.status_code for response in gone] == [204, 204]
    assert refused.status_code == 401
    assert "disabled_at" not in back.json()
    assert back.json()["password"]


async def test_unknown_member_cannot_be_disabled(world: World):
    owner = await world.staff()

    response = await owner.delete("/v1/console/staff/unknown@teplo.example")

    assert (response.status_code, response.json()["code"]) == (404, "staff_unknown")


async def test_last_owner_cannot_be_removed(world: World):
    owner = await world.staff()

    answers = [
        await owner.delete(f"/v1/console/staff/{owner.email}"),
        await owner.put(f"/v1/console/staff/{owner.email}", {"role": "manager"}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "last_owner")] * 2


async def test_two_owners_cannot_remove_each_other(world: World, owner):
    brand = await world.brand()
    one, two = await world.staff(brand), await world.staff(brand)

    answers = await asyncio.gather(
        one.delete(f"/v1/console/staff/{two.email}"), two.delete(f"/v1/console/staff/{one.email}")
    )

    # The second of them is refused as the last owner, or is signed out before it can ask.
    assert sorted(answer.status_code for answer in answers) in ([204, 401], [204, 409])
    async with owner.begin() as session:
        left = await session.scalar(text("SELECT count(*) FROM staff WHERE role = 'owner' AND disabled_at IS NULL"))
    assert left == 1


async def test_email_of_another_brand_is_refused(world: World):
    owner, stranger = await world.staff(), await world.staff()

    response = await owner.put(f"/v1/console/staff/{stranger.email}", {"role": "owner"})

    assert (response.status_code, response.json()["code"]) == (409, "email_taken")
    assert (await stranger.get("/v1/staff/me")).json()["brand"]["id"] == stranger.brand_id


async def test_staff_is_paginated(world: World):
    brand = await world.brand()
    workers = [await world.staff(brand) for _ in range(3)]

    first = (await workers[0].get("/v1/console/staff", params={"limit": 2})).json()
    second = (await workers[0].get("/v1/console/staff", params={"limit": 2, "cursor": first["next"]})).json()

    listed = [row["email"] for row in first["items"] + second["items"]]
    assert listed == [worker.email for worker in workers]
    assert "next" not in second


async def test_owner_renames_the_brand(world: World):
    owner = await world.staff()

    renamed = await owner.put("/v1/console/brand", {"name": " Teplo "})

    assert (renamed.status_code, renamed.json()["name"]) == (200, "Teplo")
    assert (await owner.get("/v1/console/brand")).json() == renamed.json()


async def test_brand_name_in_use_is_refused(world: World):
    owner, other = await world.staff(), await world.brand("Svet")

    response = await owner.put("/v1/console/brand", {"name": other.name})

    assert (response.status_code, response.json()["code"]) == (409, "brand_name_taken")


async def test_brand_write_with_stale_etag_is_refused(world: World):
    owner = await world.staff()
    stale = (await owner.get("/v1/console/brand")).headers["etag"]
    fresh = (await owner.put("/v1/console/brand", {"name": "Teplo"})).headers["etag"]

    refused = await owner.put("/v1/console/brand", {"name": "Svet"}, headers={"If-Match": stale})
    accepted = await owner.put("/v1/console/brand", {"name": "Svet"}, headers={"If-Match": fresh})

    assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
    assert accepted.json()["name"] == "Svet"
