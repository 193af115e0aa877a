"""The home screen: one request, at most 4 KB, and 304 if nothing has changed."""

from datetime import UTC, date, datetime, timedelta

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from backend.spending.wallets.home import MAX_BYTES, AccountOverview, RecentMovement, fit_home
from backend.spending.wallets.schemas import PendingAmount, WalletOut
from tests.make import World, bearer
from tests.spending.wallets.earnings import account_id, earn, programme, the_day, wallet

LONGEST = "Щ" * 120


async def test_new_account_has_empty_home(world: World):
    account = await world.account()

    response = await world.client.get("/v1/me", headers=bearer(account))

    assert response.json() == {"card_number": account.card_number, "wallets": [], "last": []}


async def test_home_shows_wallets_movements_and_pending(world: World):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world, name="Мастера", currency="RUB")
    await earn(world, owner, made, 15000)
    await earn(world, owner, made, 2000, waits_days=14)
    await earn(world, owner, made, 500, waits_days=14)
    await earn(world, owner, made, 70, waits_days=30)

    home = await world.home(account)

    (shown,) = home["wallets"]
    assert (shown["programme"], shown["currency"]) == ("Мастера", "RUB")
    assert (shown["available"], shown["pending"]) == (15000, 2570)
    today = the_day()
    assert shown["waiting"] == [
        {"day": str(today + timedelta(days=14)), "amount": 2500},
        {"day": str(today + timedelta(days=30)), "amount": 70},
    ]
    assert [row["amount"] for row in home["last"]] == [70, 500, 2000, 15000]
    assert home["last"][3]["text"].startswith("Autumn: RUB")


async def test_last_used_wallets_come_first(world: World):
    account = await world.account()
    owner = await account_id(world, account)
    made = [await programme(world) for _ in range(8)]
    for row in made:
        await earn(world, owner, row)
    await earn(world, owner, made[0])

    home = await world.home(account)

    order = [made[0], *made[:2:-1]][:6]
    assert [row["programme"] for row in home["wallets"]] == [row.name for row in order]
    assert home["more_wallets"] is True


async def test_home_with_longest_names_stays_under_4_kilobytes(world: World):
    account = await world.account()
    owner = await account_id(world, account)
    for number in range(9):
        brand = await world.brand(f"{number}" + LONGEST[1:])
        made = await world.programme(brand, name=LONGEST)
        await world.campaign(made, name_ru=LONGEST, name_en=LONGEST)
        for days in range(4):
            await earn(world, owner, made, 10**12, waits_days=days * 10)

    response = await world.client.get("/v1/me", headers=bearer(account) | {"Accept-Language": "ru"})

    assert response.status_code == 200
    assert 2000 < len(response.content) <= 4096
    home = response.json()
    assert len(home["wallets"]) >= 2
    assert len(home["last"]) >= 1
    assert home["more_wallets"] is True


names = st.text(max_size=120)
amounts = st.integers(-(2**62), 2**62)
waits = st.lists(st.builds(PendingAmount, st.just(date(2026, 12, 6)), amounts), max_size=3)
wallets = st.builds(WalletOut, amounts, amounts, names, names, st.just("RUB"), amounts, amounts, amounts, waits)
glances = st.builds(
    RecentMovement,
    amounts,
    st.just("write_off"),
    amounts,
    st.just(datetime(2026, 11, 22, tzinfo=UTC)),
    st.text(max_size=400),
)
homes = st.builds(
    AccountOverview,
    st.just("4000123456789017"),
    st.lists(wallets, max_size=6),
    st.lists(glances, max_size=8),
    st.booleans(),
    st.none(),
    st.booleans(),
)
WORST = WalletOut(
    2**62, 2**62, "\x01" * 120, "\x01" * 120, "RUB", 2**62, 2**62, 2**62, [PendingAmount(date(2026, 12, 6), 2**62)] * 3
)


@given(homes)
@example(AccountOverview("4000123456789017", [WORST] * 6, []))
def test_any_home_fits_and_keeps_minimum(home: AccountOverview):
    before = msgspec.json.encode(home)
    wallets, last = list(home.wallets), list(home.last)

    after = fit_home(home)

    size = len(msgspec.json.encode(after))
    assert size <= MAX_BYTES
    assert after.wallets == wallets[: len(after.wallets)]
    assert [row for row in last if row in after.last] == after.last
    assert (len(before) <= MAX_BYTES) == (after.wallets == wallets and after.last == last)
    assert after.more_wallets or len(after.wallets) == len(wallets)
    assert not wallets or after.wallets


async def test_unchanged_home_gets_304(world: World):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world)
    await earn(world, owner, made)
    first = await world.client.get("/v1/me", headers=bearer(account))

    again = await world.client.get("/v1/me", headers=bearer(account) | {"If-None-Match": first.headers["etag"]})
    await earn(world, owner, made)
    changed = await world.client.get("/v1/me", headers=bearer(account) | {"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_home_has_vary_and_cache_headers(world: World):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world)
    await earn(world, owner, made)

    english = await world.client.get("/v1/me", headers=bearer(account) | {"Accept-Language": "en"})
    russian = await world.client.get("/v1/me", headers=bearer(account) | {"Accept-Language": "ru"})

    assert {part.strip() for part in english.headers["vary"].split(",")} >= {"Accept-Language", "Authorization"}
    assert english.headers["cache-control"] == "private, no-cache"
    assert english.headers["etag"] != russian.headers["etag"]


async def test_due_lots_mature_on_read_without_worker(world: World):
    account = await world.account()
    owner, made = await account_id(world, account), await programme(world)
    today = the_day()
    await earn(world, owner, made, 300, waits_days=3, today=today - timedelta(days=4))

    home = await world.home(account)

    assert home["wallets"][0]["available"] == 300
    assert "pending" not in home["wallets"][0]
    assert [row["kind"] for row in home["last"]] == ["mature", "earn"]
    assert (await wallet(world, owner, made)).available == 300
