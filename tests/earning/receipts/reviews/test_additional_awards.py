"""What a decision of reviewers does to awards of campaigns that stack."""

from datetime import timedelta

from backend.programmes.rules.rule import PercentAmount, Rule
from tests.earning.receipts.receipt_builders import bought, document, line
from tests.earning.receipts.reviews.conftest import CONSOLE, Held
from tests.make import World

CABLE = "Кабель силовой КАБЕЛЕВО KB-7731 3х2,5 100м"


async def _stacking(brand: Held) -> None:
    """Another campaign that adds 3.33 % to each line."""
    rule = Rule(ways=frozenset({"receipt"}), amount=PercentAmount(333), stacks=True)
    await brand.buying.world.campaign(brand.goods.programme, rule)


async def test_release_pays_additional_award(held: Held):
    await _stacking(held)
    await held.bring(line(amount=90_000))
    shown = (await held.anna.get(f"{CONSOLE}/reviews/{(await held.item())['id']}")).json()

    await held.decide("release")

    assert shown["would_pay"] == 5400 + 2997
    assert await held.balance() == 5400 + 2997


async def test_claw_back_includes_additional_award(brand: Held, world: World):
    await _stacking(brand)
    await brand.buying.bring(brand.account, document(line(amount=90_000)))
    await brand.buying.bring(await world.account(), document(line(amount=90_000), operation=2, at=bought()))
    before = await brand.balance()

    answer = await brand.decide("claw_back")

    assert answer.status_code == 200, answer.text
    assert (before, await brand.balance()) == (5400 + 2997, 0)


async def test_release_deducts_returns_during_review(held: Held):
    await _stacking(held)
    sale = document(line(amount=90_000, quantity=3))
    await held.buying.bring(held.account, sale)
    back = document(line(amount=30_000, quantity=1), operation=2, at=sale.at + timedelta(minutes=30), fn=sale.fn)
    await held.buying.known(back)
    await held.buying.scan(held.account, back)
    await held.buying.work()

    await held.decide("release")

    assert await held.balance() == 3600 + 1998


async def test_second_person_limit_includes_additional_awards(held: Held, number):
    number("second_person_above", 6000)
    await _stacking(held)
    await held.bring(line(amount=90_000))

    await held.decide("release")

    assert await held.balance() == 0
    assert (await held.decide("release", held.boris)).status_code == 200
    assert await held.balance() == 5400 + 2997
