"""Guessing package codes: nothing is accepted, limits trip, and response times reveal nothing."""

import math
import os
import random
import statistics
import time
import uuid

import pytest

from backend.core.settings import Settings
from backend.earning.packages import service as packages
from backend.earning.packages.service import CodeLookup, RefusedCode
from backend.earning.packages.slot_keys import slot_key
from backend.identity.accounts.schemas import AccountCreated
from backend.programmes.rules.rule import FixedAmount, Rule
from scanning.codes import package, symbols
from tests.make import World, bearer

GUESSES, ATTEMPTS = 100_000, 3


def made_up(rng: random.Random, slot: str = "") -> str:
    """A code whose check symbol fits, and nothing else."""
    body = slot + "".join(rng.choices(symbols.ALPHABET, k=15 - len(slot)))
    return body + symbols.check_symbol(body)


def near(rng: random.Random, code: str) -> str:
    """A live code with one to three symbols changed, and a check symbol that fits."""
    body = list(code[:15])
    for place in rng.sample(range(2, 15), rng.randint(1, 3)):
        body[place] = rng.choice(symbols.ALPHABET.replace(body[place], ""))
    return "".join(body) + symbols.check_symbol("".join(body))


def accepted(settings: Settings, guesses: list[str]) -> list[CodeLookup | RefusedCode]:
    read = packages.read_packages(settings, list(enumerate(guesses)))
    return [row for row in read if not (isinstance(row, RefusedCode) and row.reason == "unknown_code")]


def test_random_guesses_find_nothing(settings: Settings):
    rng = random.Random(20261122)
    slot = package.encode(slot_key(settings.master_key, 7), 7, 0)[:2]

    found = accepted(settings, [made_up(rng, slot) for _ in range(GUESSES)])

    assert found == []


def test_neighbours_of_live_codes_find_nothing(settings: Settings):
    rng = random.Random(20261123)
    key = slot_key(settings.master_key, 7)
    live = [package.encode(key, 7, serial) for serial in range(100)]

    found = accepted(settings, [near(rng, rng.choice(live)) for _ in range(GUESSES)])

    assert found == []


async def test_guessing_account_is_limited_with_retry_after(world: World):
    rng = random.Random(1)
    (code, *_) = await world.codes()
    account = await world.account()
    for _ in range(5):
        answer = (await world.scan(account, made_up(rng))).json()
        assert answer["reason"] == "unknown_code"

    stopped = await world.scan(account, code)

    assert stopped.status_code == 429
    assert 0 < int(stopped.headers["retry-after"]) <= 3600


async def test_guessing_network_does_not_limit_honest_account(world: World):
    rng = random.Random(2)
    (code, *_) = await world.codes()
    crowd = [await world.account() for _ in range(13)]
    for guesser in crowd:
        for _ in range(4):
            await world.scan(guesser, made_up(rng))

    stopped = await world.scan(crowd[0], made_up(rng))
    honest = await world.scan(await world.account(), code)

    assert stopped.status_code == 429
    assert honest.json()["status"] == "credited"


async def test_unknown_texts_count_as_guesses(world: World):
    rng = random.Random(4)
    (code, *_) = await world.codes()
    account = await world.account()
    texts = ["X" + "".join(rng.choices(symbols.ALPHABET, k=11)) for _ in range(60)]
    queue = {"scans": [{"id": str(uuid.uuid4()), "text": text} for text in texts]}
    await world.client.post("/v1/scans/batch", json=queue, headers=bearer(account))

    stopped = await world.scan(account, code)

    assert stopped.status_code == 429


async def test_typing_errors_do_not_count_as_guesses(world: World):
    (code, *_) = await world.codes()
    account = await world.account()
    wrong = code[:-1] + ("A" if code[-1] != "A" else "B")
    for _ in range(12):
        assert (await world.scan(account, wrong)).json()["reason"] == "typing_error"

    answer = (await world.scan(account, code)).json()

    assert answer["status"] == "credited"


def welch(one: list[float], other: list[float]) -> tuple[float, float]:
    """The difference of two means and its standard error (Welch 1947), in seconds."""
    error = math.sqrt(statistics.variance(one) / len(one) + statistics.variance(other) / len(other))
    return statistics.mean(one) - statistics.mean(other), error


@pytest.mark.slow
async def test_refusals_of_codes_take_equal_time(world: World, number):
    rounds = int(os.environ.get("SCANBACK_TIMINGS", "120"))
    rng = random.Random(3)
    claimed = await world.codes(2, rule=Rule(ways=frozenset({"package"}), amount=FixedAmount(100)))
    revoked = await world.codes(2, state="revoked")
    await world.scan(await world.account(), claimed[0])
    for name in ("hour_per_account", "day_per_device", "hour_per_network"):
        number(f"wrong_codes_per_{name}", 10**9)
    number("scans_per_minute", 10**9)
    stranger = await world.account()

    # A busy machine may favour one kind for a while; a real difference appears in each round.
    for _ in range(ATTEMPTS):
        differences = await timing_differences(world, stranger, rng, revoked[0], claimed[0], rounds)
        if not differences:
            break
    assert differences == []


async def timing_differences(
    world: World, stranger: AccountCreated, rng: random.Random, revoked: str, claimed: str, rounds: int
) -> list[tuple[str, float, float]]:
    """The reasons whose answers take another time than those of claimed codes, by how much, and its error."""
    durations: dict[str, list[float]] = {"unknown_code": [], "revoked": [], "already_claimed": []}
    for _ in range(rounds):
        for reason, code in rng.sample(
            [("unknown_code", made_up(rng)), ("revoked", revoked), ("already_claimed", claimed)], 3
        ):
            begun = time.perf_counter()
            answer = await world.scan(stranger, code)
            durations[reason].append(time.perf_counter() - begun)
            assert answer.json()["reason"] == reason

    # The slowest tenth is the machine's doing. What remains may differ by a millisecond and twice its own error.
    fastest = {reason: sorted(times)[: int(len(times) * 0.9)] for reason, times in durations.items()}
    found = [(reason, *welch(fastest[reason], fastest["already_claimed"])) for reason in ("unknown_code", "revoked")]
    return [one for one in found if abs(one[1]) >= 0.001 + 2 * one[2]]
