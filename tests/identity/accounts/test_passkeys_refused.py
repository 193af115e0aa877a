"""Passkeys that open nothing: what does not hold, comes twice, or was made by an enemy."""

import asyncio
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from httpx2 import Response
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from litestar import Litestar
from sqlalchemy import text

from backend.core.db.database import Database
from backend.core.security import authenticator as checks
from backend.core.security.authenticator import KnownKey, Site, Unproven
from tests.identity.accounts.authenticator import Authenticator, base64url, unbase64url
from tests.identity.accounts.ceremonies import (
    come_back,
    not_present,
    not_verified,
    offer,
    offer_new,
    registered,
    send_new,
    wrong_origin,
    wrong_site,
)
from tests.make import World, caller

SITE = Site("scanback.test", "http://scanback.test")


def count_back(phone: Authenticator) -> None:
    phone.sign_count = 3


def same_count(phone: Authenticator) -> None:
    phone.sign_count = 4


def another_key(phone: Authenticator) -> None:
    phone.key = Authenticator().key


def another_user(phone: Authenticator) -> None:
    phone.handle = b"x" * 32


def unknown_credential(phone: Authenticator) -> None:
    phone.credential_id = Authenticator().credential_id


WRONGS = [
    wrong_origin,
    wrong_site,
    not_verified,
    not_present,
    count_back,
    same_count,
    another_key,
    another_user,
    unknown_credential,
]


def uniform(response: Response) -> tuple[int, dict[str, str], dict[str, object]]:
    body = response.json()
    body.pop("request_id")
    return response.status_code, {k: v for k, v in response.headers.items() if k != "x-request-id"}, body


@pytest.mark.parametrize("spoil", WRONGS, ids=lambda spoil: spoil.__name__)
async def test_invalid_assertion_is_refused_without_reason(world: World, spoil):
    phone = await registered(world, await world.account())
    phone.sign_count = 4
    assert (await come_back(world, phone.get(await offer(world)))).status_code == 201
    unknown = uniform(await world.client.post("/v1/sessions", json={"recovery_code": "0"}))

    spoil(phone)
    response = await come_back(world, phone.get(await offer(world)))

    assert uniform(response) == unknown
    assert unknown[0] == 401


async def test_assertion_is_accepted_once(world: World):
    phone = await registered(world, await world.account())
    credential = phone.get(await offer(world))

    first, replayed = await come_back(world, credential), await come_back(world, credential)

    assert (first.status_code, replayed.status_code) == (201, 401)


async def test_concurrent_assertion_is_accepted_once(world: World):
    phone = await registered(world, await world.account())
    credential = phone.get(await offer(world))

    answers = await asyncio.gather(*(come_back(world, credential) for _ in range(16)))

    assert sorted(answer.status_code for answer in answers) == [201] + [401] * 15


async def test_challenge_is_consumed_by_a_wrong_assertion(world: World):
    phone, stranger = await registered(world, await world.account()), Authenticator()
    options = await offer(world)
    await come_back(world, stranger.get(options))

    assert (await come_back(world, phone.get(options))).status_code == 401


async def test_challenge_expires_after_five_minutes(world: World):
    phone = await registered(world, await world.account())
    options = await offer(world)
    row = await world.db.call(text("SELECT expires_at - now() AS life FROM challenges"))
    async with world.db.begin() as session:
        await session.execute(text("UPDATE challenges SET expires_at = now()"))

    assert (await come_back(world, phone.get(options))).status_code == 401
    assert timedelta(minutes=4) < row.life <= timedelta(minutes=5)


async def test_challenge_is_valid_for_its_purpose_only(world: World):
    account = await world.account()
    phone = await registered(world, account)
    for_making, for_opening = await offer_new(world, account), await offer(world)

    opened = await come_back(world, phone.get(for_making))
    made = await send_new(world, account, Authenticator().create(for_making | {"challenge": for_opening["challenge"]}))

    assert (opened.status_code, made.status_code) == (401, 422)


async def test_challenge_is_valid_for_its_account_only(world: World):
    account, other = await world.account(), await world.account()
    options = await offer_new(world, other)

    response = await send_new(world, account, Authenticator().create(options))

    assert (response.status_code, response.json()["code"]) == (422, "passkey_invalid")


async def test_challenge_is_stored_as_a_digest(world: World, owner: Database):
    options = await offer(world)

    row = await owner.call(text("SELECT digest FROM challenges"))

    assert bytes(row.digest) != unbase64url(options["challenge"])
    assert len(row.digest) == 32


async def test_challenges_are_limited_by_network(app: Litestar, number):
    number("challenges_per_hour_per_address", 2)
    async with caller(app, "198.51.100.7") as client:
        answers = [await client.post("/v1/sessions/challenges") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 429]


@pytest.mark.parametrize(
    "spoil", [wrong_origin, wrong_site, not_verified, not_present], ids=lambda spoil: spoil.__name__
)
async def test_invalid_registration_is_refused(world: World, spoil):
    account, phone = await world.account(), Authenticator()
    spoil(phone)

    response = await send_new(world, account, phone.create(await offer_new(world, account)))

    assert (response.status_code, response.json()["code"]) == (422, "passkey_invalid")


def stated(phone: Authenticator, **change: Any) -> str:
    """An attestation object with something replaced."""
    credential = phone.create({"user": {"id": "eA"}, "challenge": "eA"})
    found = cbor2.loads(unbase64url(credential["response"]["attestationObject"]))
    return base64url(cbor2.dumps(found | change))


def cose(**change: Any) -> bytes:
    """Attested data with a key of another making."""
    phone = Authenticator()
    key = cbor2.loads(phone._attested()[18 + 32 :]) | {
        int(name.replace("m", "-")): part for name, part in change.items()
    }
    return phone._data(0x40) + bytes(16) + (32).to_bytes(2, "big") + phone.credential_id + cbor2.dumps(key)


HOSTILE = {
    "nothing": base64url(b"\xa0"),
    "a list": base64url(cbor2.dumps([1, 2])),
    "deep": base64url(b"\x81" * 5000 + b"\x01"),
    "cut off": base64url(b"\xa3cfmt"),
    "another format": stated(Authenticator(), fmt="tpm"),
    "a chain": stated(Authenticator(), fmt="packed", attStmt={"alg": -7, "sig": b"x", "x5c": [b"y"]}),
    "a number for a statement": stated(Authenticator(), attStmt=5),
    "self-attested without a key": stated(Authenticator(), fmt="packed", attStmt={"alg": -7, "sig": b"x"}),
    "a format of bytes": stated(Authenticator(), fmt=b"none"),
    "short data": stated(Authenticator(), authData=b"\x00" * 36),
    "data of text": stated(Authenticator(), authData="x" * 100),
    "a point off the curve": stated(Authenticator(), authData=cose(m2=b"\x01" * 32)),
    "an RSA key": stated(
        Authenticator(), authData=cose(**{"1": 3, "3": -257, "m1": b"\x01" * 2000, "m2": b"\xff" * 2000})
    ),
    "a key without a kind": stated(Authenticator(), authData=cose(**{"1": None})),
    "a key of text": stated(Authenticator(), authData=cose(m2="text")),
    "an unknown curve": stated(Authenticator(), authData=cose(m1=99)),
}


@pytest.mark.parametrize("attestation", HOSTILE.values(), ids=HOSTILE.keys())
async def test_hostile_registration_is_refused(world: World, attestation: str):
    account, phone = await world.account(), Authenticator()
    credential = phone.create(await offer_new(world, account))
    credential["response"]["attestationObject"] = attestation

    response = await send_new(world, account, credential)

    assert (response.status_code, response.json()["code"]) == (422, "passkey_invalid")


CHALLENGE = b"c" * 32
OPTIONS = {"user": {"id": base64url(b"h" * 32)}, "challenge": base64url(CHALLENGE)}
PHONE = Authenticator()
NEW, KNOWN = PHONE.create(OPTIONS), PHONE.get(OPTIONS)
OTHER_KEY = KnownKey(cbor2.dumps({1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32}), 0, b"h" * 32)


@hypothesis_settings(max_examples=300)
@given(st.data())
def test_malformed_bytes_are_refused(data: st.DataObject):
    new, known = [
        credential | {"response": {name: data.draw(_spoilt(value)) for name, value in credential["response"].items()}}
        for credential in (NEW, KNOWN)
    ]

    with pytest.raises(Unproven):
        checks.check_new(SITE, new | {"rawId": "eA", "id": "eA"}, CHALLENGE)
    with pytest.raises(Unproven):
        checks.check_known(SITE, known, CHALLENGE, OTHER_KEY)


def _spoilt(value: str) -> st.SearchStrategy[str]:
    raw = unbase64url(value)
    flipped = st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)).map(
        lambda at: base64url(raw[: at[0]] + bytes([at[1]]) + raw[at[0] + 1 :])
    )
    cut = st.integers(0, len(raw)).map(lambda at: base64url(raw[:at]))
    return st.one_of(st.just(value), flipped, cut, st.binary(max_size=200).map(base64url))
