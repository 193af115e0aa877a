"""Hashing under floods: each kind of caller has a line of its own."""

import asyncio
import contextlib

import pytest
from litestar import Litestar

from backend.core.http.errors import Busy
from backend.core.keyring import Keyring
from backend.core.security.passwords import QUEUE, Passwords
from tests.identity.accounts.owners import PIN, leave, with_pin
from tests.make import World

KINDS = ["strangers", "agents", "staff", "cashiers"]


@pytest.mark.parametrize("kind", KINDS)
async def test_full_queue_refuses_only_its_kind(kind: str):
    passwords = Passwords(Keyring({1: b"x" * 32}))
    with contextlib.ExitStack() as stack:
        for _ in range(QUEUE):
            stack.enter_context(getattr(passwords, kind).place())

        with pytest.raises(Busy):
            await getattr(passwords, kind).hash("1234")
        for other in set(KINDS) - {kind}:
            assert await getattr(passwords, other).hash("1234")
    assert await getattr(passwords, kind).hash("1234")
    passwords.close()


async def test_pin_beside_flood_of_sign_ins_is_checked(app: Litestar, world: World):
    account = await with_pin(world)
    body = {"email": "unknown@brand.example", "password": "nine warm radiators"}

    flood = [asyncio.create_task(world.client.post("/v1/staff/sessions", json=body)) for _ in range(40)]
    await asyncio.sleep(0.05)
    honest = await leave(world, account, PIN)
    answers = await asyncio.gather(*flood)

    assert honest.status_code == 204
    assert 503 in {answer.status_code for answer in answers}
