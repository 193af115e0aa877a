"""Scans of our own codes: the same answer however they come, typed or as a link."""

import pytest

from backend.core.security import gift_card_codes
from backend.earning.promocodes.models import PromoCode
from backend.programmes.rules.rule import FixedAmount, PercentAmount, Promo, Rule
from scanning.codes import package
from tests.make import World

RULE = Rule(ways=frozenset({"promo"}), amount=PercentAmount(1000), hold_days=14, promo=Promo(PercentAmount(500)))


def outcome(response):
    answer = response.json()
    return answer["kind"], answer["status"], answer.get("reason"), answer.get("next")


@pytest.fixture
async def account(world: World):
    return await world.account()


@pytest.mark.parametrize("text", ["IVAN7", "ivan-7.2", "«ИВАН7».".replace("ИВАН", "IVAN"), "https://ex.ru/p/IVAN7"])
async def test_promo_code_typed_or_linked_is_recognized(world: World, account, text):
    programme = await world.programme()
    campaign = await world.campaign(programme, RULE)
    await world.add(PromoCode(code="1VAN7", brand_id=campaign.brand_id, campaign_id=campaign.id))

    answer = outcome(await world.scan(account, text))

    assert answer == ("promo", "refused", "show_at_till", "Show this code at the till.")


@pytest.mark.parametrize("write", [str, str.lower, lambda code: code.replace("-", " "), "https://ex.ru/G/{}".format])
async def test_certificate_typed_or_linked_is_recognized(world: World, account, write):
    answer = outcome(await world.scan(account, write(gift_card_codes.fresh())))

    assert answer == ("certificate", "refused", "show_at_till", "Show this code at the till.")


@pytest.mark.parametrize("write", [str, package.grouped, "https://ex.ru/C/{}".format, "«{}».".format])
async def test_package_code_typed_or_linked_is_recognized(world: World, account, write):
    (code, *_) = await world.codes(rule=Rule(ways=frozenset({"package"}), amount=FixedAmount(100)))

    assert outcome(await world.scan(account, write(code)))[:2] == ("package", "credited")


async def test_unknown_word_is_not_recognized(world: World, account):
    assert outcome(await world.scan(account, "N0SUCH9"))[:3] == ("unknown", "refused", "unknown")
