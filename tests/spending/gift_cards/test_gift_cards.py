"""Gift cards at a till: balance, uses, returns, and payables of the brand to the shop."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.core.security import gift_card_codes
from tests.make import caller
from tests.spending.gift_card_till import make_gift_card_till

TODAY = (datetime.now(UTC) + timedelta(hours=3)).date()  # in Moscow, where the shops are
KNOWN = text("SELECT count(*) AS uses FROM certificate_uses")


def refused(answer):
    return answer.status_code, answer.json().get("code")


async def test_balance_shows_what_is_left(gift_card_till):
    code = await gift_card_till.certificate(500_000, valid_until=TODAY)
    await gift_card_till.take(code, 120_000)

    answer = await gift_card_till.balance(code)

    brand = await gift_card_till.world.brand_by_id(gift_card_till.programme.brand_id)
    assert answer.status_code == 200
    assert answer.json() == {
        "balance": 380_000,
        "nominal": 500_000,
        "valid_until": str(TODAY),
        "brand": {"id": brand.id, "name": brand.name},
        "partial": True,
    }


async def test_gift_card_used_in_parts_creates_payables(gift_card_till):
    code = await gift_card_till.certificate(500_000)

    answers = [(await gift_card_till.take(code, amount)).json() for amount in (120_000, 380_000)]

    assert answers == [{"amount": 120_000, "balance": 380_000}, {"amount": 380_000, "balance": 0}]
    assert await gift_card_till.owed() == [(1, 120_000, 9), (1, 380_000, 9)]


async def test_return_restores_balance_and_reduces_payable(gift_card_till):
    code = await gift_card_till.certificate(500_000)
    await gift_card_till.take(code, 500_000, "a")

    backs = [(await gift_card_till.give_back("a", amount)).json() for amount in (150_000, 350_000)]

    assert backs == [{"amount": 150_000, "balance": 150_000}, {"amount": 350_000, "balance": 500_000}]
    assert await gift_card_till.owed() == [(1, 500_000, 9), (2, 150_000, 10), (2, 350_000, 10)]


async def test_any_spelling_and_qr_link_are_accepted(gift_card_till):
    code = await gift_card_till.certificate(500_000)
    texts = [code.lower(), code.replace("-", " "), gift_card_codes.link("https://ex.ru", code)]

    answers = [await gift_card_till.take(spelled, 1) for spelled in texts]

    assert [answer.status_code for answer in answers] == [200] * 3


async def test_use_above_balance_is_refused(gift_card_till):
    code = await gift_card_till.certificate(1000)
    await gift_card_till.take(code, 400)

    answer = await gift_card_till.take(code, 601)

    assert refused(answer) == (409, "balance_too_low")
    assert "600" in answer.json()["detail"]
    assert await gift_card_till.owed() == [(1, 400, 9)]


async def test_return_above_use_is_refused(gift_card_till):
    code = await gift_card_till.certificate(1000)
    await gift_card_till.take(code, 400, "a")
    await gift_card_till.take(code, 600, "b")
    await gift_card_till.give_back("a", 300)

    answer = await gift_card_till.give_back("a", 101)

    assert refused(answer) == (409, "more_than_taken")
    assert "100" in answer.json()["detail"]
    assert (await gift_card_till.balance(code)).json()["balance"] == 300


async def test_use_retry_gets_first_response_other_body_fails(gift_card_till):
    code, other = await gift_card_till.certificate(1000), await gift_card_till.certificate(1000)
    first = await gift_card_till.take(code, 400, "a")
    await gift_card_till.take(code, 600, "b")

    again = await gift_card_till.take(code.replace("-", ""), 400, "a")
    changed = [await gift_card_till.take(code, 401, "a"), await gift_card_till.take(other, 400, "a")]

    assert (again.status_code, again.content) == (200, first.content)
    assert [refused(answer) for answer in changed] == [(422, "body_changed")] * 2
    assert await gift_card_till.owed() == [(1, 400, 9), (1, 600, 9)]


async def test_return_retry_gets_first_response_other_body_fails(gift_card_till):
    code = await gift_card_till.certificate(1000)
    await gift_card_till.take(code, 400, "a")
    await gift_card_till.take(code, 400, "b")
    first = await gift_card_till.give_back("a", 400, "r")

    again = await gift_card_till.give_back("a", 400, "r")
    changed = [await gift_card_till.give_back("a", 1, "r"), await gift_card_till.give_back("b", 400, "r")]

    assert (again.status_code, again.content) == (200, first.content)
    assert [refused(answer) for answer in changed] == [(422, "body_changed")] * 2
    assert (await gift_card_till.balance(code)).json()["balance"] == 600


async def test_refused_use_does_not_reserve_its_id(gift_card_till):
    code = await gift_card_till.certificate(1000)

    answers = [await gift_card_till.take(code, amount, "a") for amount in (1001, 1000)]

    assert [answer.status_code for answer in answers] == [409, 200]


async def test_ids_are_per_till_and_returns_work_at_any_till(gift_card_till, world):
    second = await world.till(shop=gift_card_till.shop, key="second")
    mine, theirs = await gift_card_till.certificate(1000), await gift_card_till.certificate(1000)
    await gift_card_till.take(mine, 100, "a")
    await gift_card_till.take(theirs, 200, "a", second)
    await gift_card_till.take(mine, 300, "b")

    named = {"amount": 200, "till": "second"}
    backs = [
        await gift_card_till.ask("PUT", "certificate-uses/a/returns/r", named),
        await gift_card_till.give_back("b", 300, till=second),
    ]

    assert [answer.json() for answer in backs] == [{"amount": 200, "balance": 1000}, {"amount": 300, "balance": 900}]


async def test_discount_is_used_once_and_rest_lapses(gift_card_till):
    code = await gift_card_till.certificate(1000, single=True)
    shown = (await gift_card_till.balance(code)).json()

    first = await gift_card_till.take(code, 400, "a")
    again = await gift_card_till.take(code, 400, "a")
    second = await gift_card_till.take(code, 600, "b")

    assert (shown["balance"], shown["partial"]) == (1000, False)
    assert first.json() == again.json() == {"amount": 400, "balance": 0}
    assert refused(second) == (409, "certificate_ended")
    assert await gift_card_till.owed() == [(1, 400, 9)]


async def test_discount_cannot_be_returned(gift_card_till):
    code = await gift_card_till.certificate(1000, single=True)
    await gift_card_till.take(code, 400, "a")

    answer = await gift_card_till.give_back("a", 400)

    assert refused(answer) == (409, "discount_stays")
    assert await gift_card_till.owed() == [(1, 400, 9)]


@pytest.mark.parametrize("fields", [{"valid_until": TODAY - timedelta(days=1)}, {"closed_at": datetime.now(UTC)}])
async def test_ended_gift_card_is_refused_but_retry_succeeds(gift_card_till, fields):
    code = await gift_card_till.certificate(1000)
    first = await gift_card_till.take(code, 400, "a")
    change = text("UPDATE certificates SET valid_until = :valid_until, closed_at = :closed_at")
    await gift_card_till.world.db.rows(change, **{"valid_until": None, "closed_at": None} | fields)

    again = await gift_card_till.take(code, 400, "a")
    answers = [await gift_card_till.take(code, 400), await gift_card_till.balance(code)]
    back = await gift_card_till.give_back("a", 400)

    assert (again.status_code, again.content) == (200, first.content)
    assert [refused(answer) for answer in answers] == [(409, "certificate_ended")] * 2
    assert back.json() == {"amount": 400, "balance": 1000}


async def test_gift_card_is_valid_on_its_last_day(gift_card_till):
    code = await gift_card_till.certificate(1000, valid_until=TODAY)

    assert (await gift_card_till.take(code, 400)).status_code == 200


async def test_unserved_shop_gets_same_response_for_any_code(gift_card_till, world):
    foreign = (await world.brand()).id
    theirs = await gift_card_till.certificate(1000, brand_id=foreign)
    closed = await gift_card_till.certificate(1000, brand_id=foreign, closed_at=datetime.now(UTC))
    mine = await gift_card_till.certificate(1000)
    left = await world.till(shop=await world.shop(gift_card_till.programme.brand_id))
    await world.db.rows(
        text("UPDATE brand_shops SET ended_at = now() WHERE shop_id <> :shop"), shop=gift_card_till.shop.id
    )

    answers = [
        await gift_card_till.balance(code) for code in (theirs, closed, gift_card_codes.fresh(), "7K2M", "-", "/G/")
    ]
    answers += [await gift_card_till.take(code, 1) for code in (theirs, closed, gift_card_codes.fresh())]
    answers += [await gift_card_till.balance(mine, left), await gift_card_till.take(mine, 1, till=left)]

    shown = {(answer.status_code, answer.json()["code"], answer.json()["detail"]) for answer in answers}
    assert shown == {(404, "certificate_unknown", "No gift card that this shop accepts has this code.")}


async def test_unknown_and_closed_codes_take_the_same_steps(gift_card_till, world):
    """An extra step would take longer, so both write the same rows and no others."""
    codes = [
        gift_card_codes.fresh(),
        await gift_card_till.certificate(1000, closed_at=datetime.now(UTC)),
        await gift_card_till.certificate(1000, brand_id=(await world.brand()).id),
    ]
    wrong = []

    for code in codes:
        await gift_card_till.take(code, 1)
        await gift_card_till.balance(code)
        wrong.append(await world.db.rows(text("SELECT count FROM counters WHERE key LIKE 'certificate:till:%'")))

    assert wrong == [[(2,)], [(4,)], [(6,)]]
    assert (await world.db.call(KNOWN)).uses == 0


async def test_guessing_till_is_limited_and_others_are_not(gift_card_till, world, number):
    number("wrong_promo_codes_per_till", 3)
    code, till = await gift_card_till.certificate(1000), await world.till(shop=gift_card_till.shop)
    first = await gift_card_till.take(code, 1, "a")
    for _ in range(3):
        await gift_card_till.balance(gift_card_codes.fresh())

    answers = [
        await gift_card_till.balance(code),
        await gift_card_till.take(code, 1),
        await gift_card_till.balance("nonsense"),
    ]
    again = await gift_card_till.take(code, 1, "a")
    elsewhere = await gift_card_till.take(code, 1, till=till)

    assert [refused(answer) for answer in answers] == [(429, "too_many_requests")] * 3
    assert 0 < int(answers[0].headers["retry-after"]) <= 600
    assert (again.status_code, again.content) == (200, first.content)
    assert elsewhere.status_code == 200


async def test_return_of_unknown_use_is_refused(gift_card_till, world):
    code, other = await gift_card_till.certificate(1000), await make_gift_card_till(world)
    await gift_card_till.take(code, 400, "a")

    answers = [await gift_card_till.give_back("b", 1), await other.give_back("a", 1)]

    assert [refused(answer) for answer in answers] == [(404, "use_unknown")] * 2


async def test_return_after_brand_left_shop_succeeds(gift_card_till, world):
    code = await gift_card_till.certificate(1000)
    await gift_card_till.take(code, 400, "a")
    await world.db.rows(text("UPDATE brand_shops SET ended_at = now()"))

    assert (await gift_card_till.give_back("a", 400)).json() == {"amount": 400, "balance": 1000}


async def test_page_token_reads_balance_but_cannot_use(gift_card_till, world):
    code = await gift_card_till.certificate(1000)
    pages = await world.till(shop=gift_card_till.shop, kind="web", origins=["https://shop.example"])
    await gift_card_till.take(code, 400, "a")

    answers = [await gift_card_till.take(code, 1, till=pages), await gift_card_till.give_back("a", 1, till=pages)]

    assert [refused(answer) for answer in answers] == [(403, "token_in_pages")] * 2
    assert (await gift_card_till.balance(code, pages)).json()["balance"] == 600


async def test_till_requiring_cashier_refuses_use_without_one(gift_card_till, world):
    code = await gift_card_till.certificate(1000)
    till = await world.till(shop=gift_card_till.shop, needs_cashier=True)
    await gift_card_till.take(code, 400, "a")

    answers = [await gift_card_till.take(code, 1, till=till), await gift_card_till.give_back("a", 1, till=till)]

    assert [refused(answer) for answer in answers] == [(403, "cashier_needed")] * 2


@pytest.mark.parametrize("amount", [0, -1, 10**12 + 1, 1.5, "1", None])
async def test_invalid_amount_is_refused(gift_card_till, amount):
    code = await gift_card_till.certificate(1000)

    answers = [await gift_card_till.take(code, amount), await gift_card_till.give_back("a", amount)]

    assert {answer.status_code for answer in answers} == {400}


async def test_scanned_gift_card_is_to_be_shown_at_till(gift_card_till, world):
    code = await gift_card_till.certificate(1000)

    answer = (await world.scan(await world.account(), gift_card_codes.link("http://scanback.test", code))).json()

    assert (answer["kind"], answer["reason"]) == ("certificate", "show_at_till")
    assert (await gift_card_till.balance(code)).json()["balance"] == 1000


async def test_return_of_ambiguous_use_is_refused(gift_card_till, world):
    first = await world.till(shop=gift_card_till.shop, key="first")
    second = await world.till(shop=gift_card_till.shop, key="second")
    codes = [await gift_card_till.certificate(1000) for _ in range(2)]
    for code, till in zip(codes, (first, second), strict=True):
        await gift_card_till.take(code, 400, key="117", till=till)

    unnamed = [
        await gift_card_till.give_back("117", 100, key="r", till=till) for till in (first, second, gift_card_till.till)
    ]
    body = {"amount": 100, "till": "first"}
    named = [await gift_card_till.ask("PUT", "certificate-uses/117/returns/r", body, second) for _ in range(2)]
    other = await gift_card_till.ask("PUT", "certificate-uses/117/returns/r2", body | {"till": "third"}, second)

    assert [refused(answer) for answer in unnamed] == [(409, "use_ambiguous")] * 3
    assert [answer.json() for answer in named] == [{"amount": 100, "balance": 700}] * 2
    assert refused(other) == (404, "use_unknown")
    assert [(await gift_card_till.balance(code)).json()["balance"] for code in codes] == [700, 600]


async def test_repeated_return_gets_the_first(gift_card_till, world):
    second = await world.till(shop=gift_card_till.shop, key="second")
    await gift_card_till.take(await gift_card_till.certificate(1000), 400, key="117")
    done = await gift_card_till.give_back("117", 100, key="r")
    await gift_card_till.take(await gift_card_till.certificate(1000), 400, key="117", till=second)

    assert (await gift_card_till.give_back("117", 100, key="r")).json() == done.json()


async def test_wrong_codes_of_visitor_do_not_limit_others(gift_card_till, world, app, number):
    number("wrong_promo_codes_per_visitor", 2)
    code = await gift_card_till.certificate(1000)
    page = await world.till(shop=gift_card_till.shop, kind="web", origins=["https://shop.example"])
    guesser, buyer = caller(app, "192.0.2.7", **page), caller(app, "192.0.3.7", **page)

    async def read_balance(client, shown):
        return (await client.post("/v1/till/certificates/balance", json={"code": shown})).status_code

    guesses = [await read_balance(guesser, gift_card_codes.fresh()) for _ in range(3)]

    assert guesses == [404, 404, 429]
    assert [await read_balance(buyer, code), (await gift_card_till.balance(code)).status_code] == [200, 200]
