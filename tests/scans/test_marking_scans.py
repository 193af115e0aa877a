"""Scanning goods under state marking over HTTP: (GTIN, serial) is the key, and a made-up serial earns nothing."""

import asyncio
import io
import uuid
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import func, select

from backend.packages import batches, imports, ranges
from backend.packages.batches import Wanted
from backend.packages.models import MarkedUnit
from backend.programmes.rules import Fixed, Rule
from tests.make import World, bearer

GTIN = "04600439931256"
SERIAL = "5a'bC,d%&x*1"
TAIL = "\x1d91EE08\x1d92" + "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q="
SHORT_TAIL = "\x1d93Ab3d"
# What scanners, phones and people make of one and the same unit.
SPELLINGS = {
    "raw, with the opening FNC1": f"\x1d01{GTIN}21{SERIAL}{TAIL}",
    "symbology identifier": f"]d201{GTIN}21{SERIAL}{TAIL}",
    "code word of FNC1": f"\xe801{GTIN}21{SERIAL}{TAIL}",
    "short tail": f"01{GTIN}21{SERIAL}{SHORT_TAIL}",
    "no tail": f"01{GTIN}21{SERIAL}",
    "sign for the separator": f"01{GTIN}21{SERIAL}" + TAIL.replace("\x1d", "\u241d"),
    "separators lost": f"01{GTIN}21{SERIAL}" + TAIL.replace("\x1d", ""),
    "for people": f"(01){GTIN}(21){SERIAL}",
}
HELD = Rule(ways=frozenset({"marking"}), amount=Fixed(100), hold_days=14, cap_per_agent_day=300, unlisted=True)


@pytest.fixture
async def programme(world: World):
    programme = await world.programme()
    await world.product(programme.brand_id, sku="SHOE", gtin=GTIN)
    return programme


async def listed(db, settings, programme, serials, state="active", sku="SHOE"):
    """A batch whose list names these units."""
    async with db.begin() as session:
        batch, product = await batches.create(
            session, programme.brand_id, uuid.uuid4(), Wanted(programme.id, sku, "marked")
        )
        lines = "\n".join(f"01{GTIN}21{serial}{TAIL}" for serial in serials)
        await imports.take(session, settings.pepper, batch, product, io.BytesIO(lines.encode()))
        if state != "printed":
            await ranges.turn(session, batch, ranges.whole(batch, state))
        return batch


async def units(db):
    async with db.begin() as session:
        return await session.scalar(select(func.count()).select_from(MarkedUnit))


async def scan(world, text, account=None):
    return (await world.scan(account or await world.account(), text)).json()


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_a_listed_unit_pays_however_it_is_spelled(db, settings, world, programme, spelling):
    await world.campaign(programme)
    await listed(db, settings, programme, [SERIAL])

    answer = await scan(world, SPELLINGS[spelling])

    assert (answer["kind"], answer["status"], answer["amount"]) == ("marking", "credited", 100)


async def test_one_unit_in_all_its_spellings_pays_once(db, settings, world, programme):
    await world.campaign(programme)
    await listed(db, settings, programme, [SERIAL])
    account = await world.account()

    said = [await scan(world, text, account) for text in SPELLINGS.values()]
    stranger = await scan(world, SPELLINGS["no tail"])

    assert [answer["status"] for answer in said] == ["credited"] + ["repeated"] * 7
    assert (stranger["status"], stranger["reason"]) == ("refused", "already_claimed")
    assert (await world.home(account))["wallets"][0]["available"] == 100


async def test_serials_differ_by_case(db, settings, world, programme):
    await world.campaign(programme)
    await listed(db, settings, programme, ["abcDEF1234567"])

    answer = await scan(world, f"01{GTIN}21ABCdef1234567{TAIL}")

    assert answer["reason"] == "unlisted"


async def test_a_made_up_unit_earns_nothing_and_leaves_no_row(db, settings, world, programme):
    await world.campaign(programme)
    await listed(db, settings, programme, [SERIAL])
    account = await world.account()

    said = [await scan(world, f"01{GTIN}21MADEUP{number:06}{TAIL}", account) for number in range(5)]

    assert {(answer["status"], answer["reason"]) for answer in said} == {("refused", "unlisted")}
    assert said[0]["next"] == "The maker has not named this unit as one of his. Keep the label and ask the shop."
    assert await units(db) == 1


async def test_a_campaign_may_pay_for_unlisted_units_late_and_little(db, world, programme):
    await world.campaign(programme, HELD)
    account = await world.account()

    said = [await scan(world, f"01{GTIN}21UNIT{number:06}{TAIL}", account) for number in range(4)]

    assert [answer["status"] for answer in said] == ["pending"] * 3 + ["refused"]
    assert said[3]["reason"] == "day_cap"
    wallet = (await world.home(account))["wallets"][0]
    assert (wallet["pending"], wallet.get("available", 0)) == (300, 0)


async def test_an_unlisted_unit_is_paid_once_whoever_comes(world, programme):
    await world.campaign(programme, HELD)
    account = await world.account()

    first = await scan(world, SPELLINGS["no tail"], account)
    again = await scan(world, SPELLINGS["short tail"], account)
    other = await scan(world, SPELLINGS["no tail"])

    assert [first["status"], again["status"], other["status"]] == ["pending", "repeated", "refused"]
    assert other["reason"] == "already_claimed"


async def test_a_unit_that_was_claimed_before_it_was_listed_is_not_paid_again(db, settings, world, programme):
    await world.campaign(programme, HELD)
    account = await world.account()
    await scan(world, SPELLINGS["no tail"], account)

    batch = await listed(db, settings, programme, [SERIAL])

    assert (await scan(world, SPELLINGS["no tail"], account))["status"] == "repeated"
    assert (await scan(world, SPELLINGS["no tail"]))["reason"] == "already_claimed"
    async with db.begin() as session:
        assert (await batches.standing(session, batch)).claimed == 1
    assert await units(db) == 1


@pytest.mark.parametrize(("state", "reason"), [("printed", "not_active"), ("closed", "closed"), ("revoked", "revoked")])
async def test_a_listed_unit_follows_its_batch(db, settings, world, programme, state, reason):
    await world.campaign(programme, HELD)
    await listed(db, settings, programme, [SERIAL], state)

    answer = await scan(world, SPELLINGS["no tail"])

    assert (answer["status"], answer["reason"]) == ("refused", reason)


async def test_a_unit_of_an_unknown_article_is_told_so(world, programme):
    await world.campaign(programme, HELD)

    answer = await scan(world, f"010460000000001521{SERIAL}{TAIL}")

    assert answer["reason"] == "unknown_product"


async def test_a_listed_unit_belongs_to_the_brand_that_listed_it(db, settings, world, programme):
    first_with_this_gtin = programme
    await world.campaign(first_with_this_gtin)
    maker = await world.programme()
    await world.product(maker.brand_id, sku="SHOE", gtin=GTIN)
    await world.campaign(maker, Rule(ways=frozenset({"marking"}), amount=Fixed(700)))
    await listed(db, settings, maker, [SERIAL])

    answer = await scan(world, SPELLINGS["no tail"])

    assert (answer["status"], answer["amount"]) == ("credited", 700)


async def test_an_unlisted_unit_is_won_by_one_of_many_at_once(world, programme):
    await world.campaign(programme, HELD)
    accounts = [await world.account() for _ in range(8)]

    said = await asyncio.gather(*(scan(world, SPELLINGS["no tail"], account) for account in accounts))

    assert sorted(answer["status"] for answer in said) == ["pending"] + ["refused"] * 7


async def test_crossing_queues_of_unlisted_units_do_not_wait_for_each_other(world, programme):
    await world.campaign(programme, msgspec.structs.replace(HELD, cap_per_agent_day=10**6))
    texts = [f"01{GTIN}21UNIT{number:06}{TAIL}" for number in range(40)]
    accounts = [await world.account() for _ in range(4)]

    async def send(account, order):
        queue = {"scans": [{"id": str(uuid.uuid4()), "text": text} for text in order]}
        return (await world.client.post("/v1/scans/batch", json=queue, headers=bearer(account))).json()["items"]

    answers = await asyncio.gather(
        *(send(account, texts[::step]) for account, step in zip(accounts, [1, -1, 1, -1], strict=True))
    )

    paid = [item for items in answers for item in items if item["status"] == "pending"]
    assert len(paid) == 40


async def test_a_claim_of_a_unit_expires_with_its_campaign(world, programme):
    now = datetime.now(UTC)
    await world.campaign(programme, HELD, starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1))

    assert (await scan(world, SPELLINGS["no tail"]))["reason"] == "unlisted"


@pytest.mark.parametrize("change", [{"hold_days": 0}, {"cap_per_agent_day": None}])
def test_a_rule_for_unlisted_units_needs_a_hold_and_a_cap(change):
    with pytest.raises(ValueError, match="hold_days"):
        msgspec.structs.replace(HELD, **change)

    with pytest.raises(msgspec.ValidationError, match="hold_days"):
        msgspec.convert(msgspec.to_builtins(HELD) | change, Rule)
