"""Scanning goods under state marking over HTTP: (GTIN, serial) is the key, and a made-up serial earns nothing."""

import asyncio
import io
import runpy
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from sqlalchemy import func, select, text, update

from backend import migrations
from backend.earning.packages import batches, ranges
from backend.earning.packages.batches import BatchRequest
from backend.earning.packages.code_lists import imports
from backend.earning.packages.models import MarkedUnit
from backend.programmes.rules.rule import FixedAmount, Rule
from tests.make import World, bearer
from tests.scanning.codes.marking_spellings import layout

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
    "separator written out": f"01{GTIN}21{SERIAL}" + TAIL.replace("\x1d", "<GS>"),
    "separators of JSON": f"01{GTIN}21{SERIAL}" + TAIL.replace("\x1d", "\\u001d"),
    "separators doubled": f"01{GTIN}21{SERIAL}" + TAIL.replace("\x1d", "\x1d\x1d"),
    "escaped for XML": f"01{GTIN}21{SERIAL}{TAIL}".replace("&", "&amp;")
    .replace("'", "&apos;")
    .replace("\x1d", "&#29;"),
    "escaped for a link": quote(f"01{GTIN}21{SERIAL}{TAIL}", safe=""),
    "Russian keyboard": layout(f"01{GTIN}21{SERIAL}{TAIL}".replace("\x1d", ""), "ru"),
    "Kazakh keyboard": layout(f"01{GTIN}21{SERIAL}{TAIL}".replace("\x1d", ""), "kk"),
    "broken into lines": f"01{GTIN[:6]}\n{GTIN[6:]}21{SERIAL[:4]}\r\n{SERIAL[4:]}{TAIL}",
    "copied": f"\u202d01{GTIN}21{SERIAL}{TAIL}\u202c",
}
HELD = Rule(ways=frozenset({"marking"}), amount=FixedAmount(100), hold_days=14, cap_per_agent_day=300, unlisted=True)


@pytest.fixture
async def programme(world: World):
    programme = await world.programme()
    await world.product(programme.brand_id, sku="SHOE", gtin=GTIN)
    return programme


async def listed(db, settings, programme, serials, state="active", sku="SHOE"):
    """A batch whose list names these units."""
    async with db.begin() as session:
        batch, product = await batches.create_batch(
            session, programme.brand_id, uuid.uuid4(), BatchRequest(programme.id, sku, "marked")
        )
        lines = "\n".join(f"01{GTIN}21{serial}{TAIL}" for serial in serials)
        await imports.import_codes(session, settings.peppers, batch, product, io.BytesIO(lines.encode()))
        if state != "printed":
            await ranges.change_state(session, batch, ranges.all_positions(batch, state))
        return batch


async def units(db):
    async with db.begin() as session:
        return await session.scalar(select(func.count()).select_from(MarkedUnit))


async def scan(world, text, account=None):
    return (await world.scan(account or await world.account(), text)).json()


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_listed_unit_in_any_spelling_is_paid(db, settings, world, programme, spelling):
    await world.campaign(programme)
    await listed(db, settings, programme, [SERIAL])

    answer = await scan(world, SPELLINGS[spelling])

    assert (answer["kind"], answer["status"], answer["amount"]) == ("marking", "credited", 100)


async def test_unit_in_all_spellings_is_paid_once(db, settings, world, programme):
    await world.campaign(programme)
    await listed(db, settings, programme, [SERIAL])
    account = await world.account()

    replies = [await scan(world, text, account) for text in SPELLINGS.values()]
    stranger = await scan(world, SPELLINGS["no tail"])

    assert [answer["status"] for answer in replies] == ["credited"] + ["repeated"] * (len(SPELLINGS) - 1)
    assert (stranger["status"], stranger["reason"]) == ("refused", "already_claimed")
    assert (await world.home(account))["wallets"][0]["available"] == 100


async def test_serials_differ_by_case(db, settings, world, programme):
    await world.campaign(programme)
    await listed(db, settings, programme, ["abcDEF1234567"])

    answer = await scan(world, f"01{GTIN}21ABCdef1234567{TAIL}")

    assert answer["reason"] == "unlisted"


async def test_unlisted_unit_earns_nothing_and_stores_nothing(db, settings, world, programme):
    await world.campaign(programme)
    await listed(db, settings, programme, [SERIAL])
    account = await world.account()

    replies = [await scan(world, f"01{GTIN}21MADEUP{number:06}{TAIL}", account) for number in range(5)]

    assert {(answer["status"], answer["reason"]) for answer in replies} == {("refused", "unlisted")}
    assert replies[0]["next"] == "The maker has not listed this unit. Keep the label and ask the shop."
    assert await units(db) == 1


async def test_campaign_may_pay_unlisted_units_with_limits(db, world, programme):
    await world.campaign(programme, HELD)
    account = await world.account()

    replies = [await scan(world, f"01{GTIN}21UNIT{number:06}{TAIL}", account) for number in range(4)]

    assert [answer["status"] for answer in replies] == ["pending"] * 3 + ["refused"]
    assert replies[3]["reason"] == "day_cap"
    wallet = (await world.home(account))["wallets"][0]
    assert (wallet["pending"], wallet.get("available", 0)) == (300, 0)


async def test_unlisted_unit_is_paid_to_first_account(world, programme):
    await world.campaign(programme, HELD)
    account = await world.account()

    first = await scan(world, SPELLINGS["no tail"], account)
    again = await scan(world, SPELLINGS["short tail"], account)
    other = await scan(world, SPELLINGS["no tail"])

    assert [first["status"], again["status"], other["status"]] == ["pending", "repeated", "refused"]
    assert other["reason"] == "already_claimed"


GLUED = "5aB3dE7gH-kLm"


@pytest.mark.parametrize("is_first", [True, False])
async def test_unlisted_unit_without_separator_is_same_unit(world, programme, is_first):
    await world.campaign(programme, HELD)
    with_separator, without = f"01{GTIN}21{GLUED}\x1d93Xy12", f"01{GTIN}21{GLUED}93Xy12"
    texts = [with_separator, without] if is_first else [without, with_separator]

    replies = [await scan(world, text) for text in [*texts, f"01{GTIN}21{GLUED}", f"01{GTIN}21{GLUED}93Xy"]]

    paid = [answer["status"] for answer in replies].count("pending")
    reasons = [answer.get("reason") for answer in replies]
    assert paid == 1
    assert reasons == ([None] if is_first else ["serial_unclear", None]) + ["already_claimed"] * (3 if is_first else 2)


async def test_unit_paid_without_tail_is_same_unit(world, programme):
    await world.campaign(programme, HELD)
    account = await world.account()

    replies = [await scan(world, f"01{GTIN}21{GLUED}{tail}", account) for tail in ("93Xy", "\x1d93Xy12", "93Xy12")]

    assert [answer["status"] for answer in replies] == ["pending", "repeated", "repeated"]


async def test_unit_in_another_spelling_has_same_id(db, settings, world, programme):
    await world.campaign(programme, HELD)
    await listed(db, settings, programme, [GLUED])
    await scan(world, f"01{GTIN}21UNLISTED01{TAIL}")
    known = {row.serial: row.id for row in await db.rows(text("SELECT serial, id FROM marked_units"))}

    numbers = [
        (await db.rows(text("SELECT packages_unit(:gtin, :serial) AS id"), gtin=GTIN, serial=serial))[0].id
        for serial in (f"{GLUED}93Xy", "unlisted01", "UNLISTED0193")
    ]

    assert numbers == [known[GLUED], known["UNLISTED01"], known["UNLISTED01"]]


async def test_unlisted_unit_with_swapped_case_is_same(world, programme):
    await world.campaign(programme, HELD)

    replies = [await scan(world, f"01{GTIN}21{serial}{TAIL}") for serial in (GLUED, GLUED.swapcase(), GLUED.upper())]

    assert [answer.get("reason") for answer in replies] == [None, "already_claimed", "already_claimed"]


async def test_listed_unit_determines_serial_length(db, settings, world, programme):
    await world.campaign(programme)
    await listed(db, settings, programme, [GLUED, f"{GLUED}93Xy12"])
    account = await world.account()

    replies = [
        await scan(world, f"01{GTIN}21{GLUED}{tail}", account)
        for tail in ("93Xy12", "93Xy12\x1d93abcd", "93Qq77", "\x1d93Qq77", "93Qq", "")
    ]

    assert [answer["status"] for answer in replies] == ["credited", "repeated", "credited", *["repeated"] * 3]


async def test_unit_claimed_before_listing_is_not_repaid(db, settings, world, programme):
    await world.campaign(programme, HELD)
    account = await world.account()
    await scan(world, f"01{GTIN}21{GLUED}93Xy", account)

    await listed(db, settings, programme, [GLUED])

    assert (await scan(world, f"01{GTIN}21{GLUED}{TAIL}", account))["status"] == "repeated"
    assert (await scan(world, f"01{GTIN}21{GLUED}{TAIL}"))["reason"] == "already_claimed"


async def test_released_units_preserve_their_claims(db, settings, world, programme):
    await world.campaign(programme, HELD)
    await listed(db, settings, programme, ["LISTED0001"])
    account = await world.account()
    old = ["5aB3dE7gH-kLm", "5a<b,%x"]
    for serial in old:
        await scan(world, f"01{GTIN}21{serial}{TAIL}", account)
    spelled = zip([*old, "LISTED0001"], ["5aB3dE7gH-kLm93Xy12", "5a&amp;lt;b%2C%25x", "LISTED000193abcd"], strict=True)
    (step,) = Path(migrations.__path__[0], "versions").glob("*_marked_unit_identity.py")
    async with db.begin() as session:
        for now, before in spelled:
            await session.execute(update(MarkedUnit).where(MarkedUnit.serial == now).values(serial=before))

        for statement in runpy.run_path(str(step))["one_identity"]():
            await session.execute(statement)

    replies = [await scan(world, f"01{GTIN}21{serial}{TAIL}") for serial in [*old, "LISTED0001"]]
    assert [answer.get("reason") for answer in replies] == ["already_claimed", "already_claimed", None]
    assert replies[2]["status"] in ("pending", "credited")


async def test_concurrent_spellings_of_unit_are_paid_once(world, programme):
    await world.campaign(programme, HELD)
    texts = [f"01{GTIN}21{GLUED}{tail}" for tail in ("93Xy", "\x1d93Xy12", "")] * 3
    accounts = [await world.account() for _ in texts]

    replies = await asyncio.gather(*(scan(world, text, account) for text, account in zip(texts, accounts, strict=True)))

    assert sorted(answer["status"] for answer in replies) == ["pending"] + ["refused"] * 8


async def test_concurrent_listing_does_not_repay_unit(db, settings, world, programme):
    await world.campaign(programme, HELD)
    account = await world.account()
    await scan(world, SPELLINGS["no tail"], account)

    batch = await listed(db, settings, programme, [SERIAL])

    assert (await scan(world, SPELLINGS["no tail"], account))["status"] == "repeated"
    assert (await scan(world, SPELLINGS["no tail"]))["reason"] == "already_claimed"
    async with db.begin() as session:
        assert (await batches.batch_progress(session, batch)).claimed == 1
    assert await units(db) == 1


@pytest.mark.parametrize(("state", "reason"), [("printed", "not_active"), ("closed", "closed"), ("revoked", "revoked")])
async def test_listed_unit_has_state_of_batch(db, settings, world, programme, state, reason):
    await world.campaign(programme, HELD)
    await listed(db, settings, programme, [SERIAL], state)

    answer = await scan(world, SPELLINGS["no tail"])

    assert (answer["status"], answer["reason"]) == ("refused", reason)


async def test_unit_with_unknown_gtin_is_refused(world, programme):
    await world.campaign(programme, HELD)

    answer = await scan(world, f"010460000000001521{SERIAL}{TAIL}")

    assert answer["reason"] == "unknown_product"


async def test_listed_unit_belongs_to_listing_brand(db, settings, world, programme):
    first_with_this_gtin = programme
    await world.campaign(first_with_this_gtin)
    maker = await world.programme()
    await world.product(maker.brand_id, sku="SHOE", gtin=GTIN)
    await world.campaign(maker, Rule(ways=frozenset({"marking"}), amount=FixedAmount(700)))
    await listed(db, settings, maker, [SERIAL])

    answer = await scan(world, SPELLINGS["no tail"])

    assert (answer["status"], answer["amount"]) == ("credited", 700)


async def test_concurrent_scans_of_unlisted_unit_pay_one(world, programme):
    await world.campaign(programme, HELD)
    accounts = [await world.account() for _ in range(8)]

    replies = await asyncio.gather(*(scan(world, SPELLINGS["no tail"], account) for account in accounts))

    assert sorted(answer["status"] for answer in replies) == ["pending"] + ["refused"] * 7


async def test_crossing_batches_of_unlisted_units_do_not_deadlock(world, programme):
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


async def test_claim_of_unit_expires_with_campaign(world, programme):
    now = datetime.now(UTC)
    await world.campaign(programme, HELD, starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1))

    assert (await scan(world, SPELLINGS["no tail"]))["reason"] == "unlisted"


@pytest.mark.parametrize("change", [{"hold_days": 0}, {"cap_per_agent_day": None}])
def test_rule_for_unlisted_units_needs_hold_and_cap(change):
    with pytest.raises(ValueError, match="hold_days"):
        msgspec.structs.replace(HELD, **change)

    with pytest.raises(msgspec.ValidationError, match="hold_days"):
        msgspec.convert(msgspec.to_builtins(HELD) | change, Rule)
