"""Own certificates at a till: what is left, parts taken and given back, and what the brand owes the shop for them."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from backend.checkout.checks import DUES, STATEMENTS
from backend.offers import certificate_codes
from backend.offers.certificate_checks import CERTIFICATES
from tests.make import World
from tests.offers.redeeming import Redeeming, redeeming_at
from tests.payouts.conftest import as_superuser

TODAY = (datetime.now(UTC) + timedelta(hours=3)).date()  # in Moscow, where the shops are
KNOWN = text("SELECT count(*) AS uses FROM certificate_uses")


@pytest.fixture
async def redeeming(world: World) -> Redeeming:
    return await redeeming_at(world)


def refused(answer):
    return answer.status_code, answer.json().get("code")


async def test_the_till_sees_what_is_left(redeeming):
    code = await redeeming.certificate(500_000, valid_until=TODAY)
    await redeeming.take(code, 120_000)

    answer = await redeeming.look(code)

    brand = await redeeming.world.brand_by_id(redeeming.programme.brand_id)
    assert answer.status_code == 200
    assert answer.json() == {
        "balance": 380_000, "nominal": 500_000, "valid_until": str(TODAY),
        "brand": {"id": brand.id, "name": brand.name}, "partial": True,
    }  # fmt: skip


async def test_a_certificate_is_taken_in_parts_and_the_brand_owes_them(redeeming):
    code = await redeeming.certificate(500_000)

    answers = [(await redeeming.take(code, amount)).json() for amount in (120_000, 380_000)]

    assert answers == [{"amount": 120_000, "balance": 380_000}, {"amount": 380_000, "balance": 0}]
    assert await redeeming.owed() == [(1, 120_000, 9), (1, 380_000, 9)]


async def test_what_comes_back_goes_to_the_certificate_and_off_the_debt(redeeming):
    code = await redeeming.certificate(500_000)
    await redeeming.take(code, 500_000, "a")

    backs = [(await redeeming.give_back("a", amount)).json() for amount in (150_000, 350_000)]

    assert backs == [{"amount": 150_000, "balance": 150_000}, {"amount": 350_000, "balance": 500_000}]
    assert await redeeming.owed() == [(1, 500_000, 9), (2, 150_000, 10), (2, 350_000, 10)]


async def test_any_spelling_and_the_link_of_its_qr_code_are_taken(redeeming):
    code = await redeeming.certificate(500_000)
    texts = [code.lower(), code.replace("-", " "), certificate_codes.link("https://ex.ru", code)]

    answers = [await redeeming.take(spelled, 1) for spelled in texts]

    assert [answer.status_code for answer in answers] == [200] * 3


async def test_never_more_is_taken_than_is_left(redeeming):
    code = await redeeming.certificate(1000)
    await redeeming.take(code, 400)

    answer = await redeeming.take(code, 601)

    assert refused(answer) == (409, "balance_too_low")
    assert "600" in answer.json()["detail"]
    assert await redeeming.owed() == [(1, 400, 9)]


async def test_never_more_comes_back_than_was_taken(redeeming):
    code = await redeeming.certificate(1000)
    await redeeming.take(code, 400, "a")
    await redeeming.take(code, 600, "b")
    await redeeming.give_back("a", 300)

    answer = await redeeming.give_back("a", 101)

    assert refused(answer) == (409, "more_than_taken")
    assert "100" in answer.json()["detail"]
    assert (await redeeming.look(code)).json()["balance"] == 300


async def test_the_same_use_again_gets_the_first_answer_and_another_body_none(redeeming):
    code, other = await redeeming.certificate(1000), await redeeming.certificate(1000)
    first = await redeeming.take(code, 400, "a")
    await redeeming.take(code, 600, "b")

    again = await redeeming.take(code.replace("-", ""), 400, "a")
    changed = [await redeeming.take(code, 401, "a"), await redeeming.take(other, 400, "a")]

    assert (again.status_code, again.content) == (200, first.content)
    assert [refused(answer) for answer in changed] == [(422, "body_changed")] * 2
    assert await redeeming.owed() == [(1, 400, 9), (1, 600, 9)]


async def test_the_same_return_again_gets_the_first_answer_and_another_body_none(redeeming):
    code = await redeeming.certificate(1000)
    await redeeming.take(code, 400, "a")
    await redeeming.take(code, 400, "b")
    first = await redeeming.give_back("a", 400, "r")

    again = await redeeming.give_back("a", 400, "r")
    changed = [await redeeming.give_back("a", 1, "r"), await redeeming.give_back("b", 400, "r")]

    assert (again.status_code, again.content) == (200, first.content)
    assert [refused(answer) for answer in changed] == [(422, "body_changed")] * 2
    assert (await redeeming.look(code)).json()["balance"] == 600


async def test_a_use_that_was_refused_keeps_no_id(redeeming):
    code = await redeeming.certificate(1000)

    answers = [await redeeming.take(code, amount, "a") for amount in (1001, 1000)]

    assert [answer.status_code for answer in answers] == [409, 200]


async def test_ids_are_the_tills_own_and_returns_come_to_any_till_of_the_shop(redeeming, world):
    second = await world.till(shop=redeeming.shop)
    mine, theirs = await redeeming.certificate(1000), await redeeming.certificate(1000)
    await redeeming.take(mine, 100, "a")
    await redeeming.take(theirs, 200, "a", second)
    await redeeming.take(mine, 300, "b")

    backs = [await redeeming.give_back("a", 200, till=second), await redeeming.give_back("b", 300, till=second)]

    assert [answer.json() for answer in backs] == [{"amount": 200, "balance": 1000}, {"amount": 300, "balance": 900}]


async def test_a_discount_is_used_once_and_what_it_leaves_lapses(redeeming):
    code = await redeeming.certificate(1000, single=True)
    shown = (await redeeming.look(code)).json()

    first = await redeeming.take(code, 400, "a")
    again = await redeeming.take(code, 400, "a")
    second = await redeeming.take(code, 600, "b")

    assert (shown["balance"], shown["partial"]) == (1000, False)
    assert first.json() == again.json() == {"amount": 400, "balance": 0}
    assert refused(second) == (409, "certificate_ended")
    assert await redeeming.owed() == [(1, 400, 9)]


async def test_a_discount_gets_nothing_back(redeeming):
    code = await redeeming.certificate(1000, single=True)
    await redeeming.take(code, 400, "a")

    answer = await redeeming.give_back("a", 400)

    assert refused(answer) == (409, "discount_stays")
    assert await redeeming.owed() == [(1, 400, 9)]


@pytest.mark.parametrize("fields", [{"valid_until": TODAY - timedelta(days=1)}, {"closed_at": datetime.now(UTC)}])
async def test_what_has_ended_pays_nothing_but_a_repeat_is_answered(redeeming, fields):
    code = await redeeming.certificate(1000)
    first = await redeeming.take(code, 400, "a")
    change = text("UPDATE certificates SET valid_until = :valid_until, closed_at = :closed_at")
    await redeeming.world.db.rows(change, **{"valid_until": None, "closed_at": None} | fields)

    again = await redeeming.take(code, 400, "a")
    answers = [await redeeming.take(code, 400), await redeeming.look(code)]
    back = await redeeming.give_back("a", 400)

    assert (again.status_code, again.content) == (200, first.content)
    assert [refused(answer) for answer in answers] == [(409, "certificate_ended")] * 2
    assert back.json() == {"amount": 400, "balance": 1000}


async def test_its_last_day_is_still_good(redeeming):
    code = await redeeming.certificate(1000, valid_until=TODAY)

    assert (await redeeming.take(code, 400)).status_code == 200


async def test_strangers_get_one_answer_whatever_the_code(redeeming, world):
    foreign = (await world.brand()).id
    theirs = await redeeming.certificate(1000, brand_id=foreign)
    closed = await redeeming.certificate(1000, brand_id=foreign, closed_at=datetime.now(UTC))
    mine = await redeeming.certificate(1000)
    left = await world.till(shop=await world.shop(redeeming.programme.brand_id))
    await world.db.rows(text("UPDATE brand_shops SET ended_at = now() WHERE shop_id <> :shop"), shop=redeeming.shop.id)

    answers = [await redeeming.look(code) for code in (theirs, closed, certificate_codes.fresh(), "7K2M", "-", "/G/")]
    answers += [await redeeming.take(code, 1) for code in (theirs, closed, certificate_codes.fresh())]
    answers += [await redeeming.look(mine, left), await redeeming.take(mine, 1, till=left)]

    told = {(answer.status_code, answer.json()["code"], answer.json()["detail"]) for answer in answers}
    assert told == {(404, "certificate_unknown", "No certificate that this shop takes has this code.")}


async def test_the_steps_for_what_is_not_there_and_what_is_closed_are_the_same(redeeming, world):
    """A step more would take longer: so both write the same rows, and none but these."""
    codes = [certificate_codes.fresh(), await redeeming.certificate(1000, closed_at=datetime.now(UTC)),
             await redeeming.certificate(1000, brand_id=(await world.brand()).id)]  # fmt: skip
    wrong = []

    for code in codes:
        await redeeming.take(code, 1)
        await redeeming.look(code)
        wrong.append(await world.db.rows(text("SELECT count FROM counters WHERE key LIKE 'certificate:till:%'")))

    assert wrong == [[(2,)], [(4,)], [(6,)]]
    assert (await world.db.call(KNOWN)).uses == 0


async def test_a_till_that_guesses_has_to_wait_and_others_do_not(redeeming, world, number):
    number("wrong_promo_codes_per_till", 3)
    code, till = await redeeming.certificate(1000), await world.till(shop=redeeming.shop)
    first = await redeeming.take(code, 1, "a")
    for _ in range(3):
        await redeeming.look(certificate_codes.fresh())

    answers = [await redeeming.look(code), await redeeming.take(code, 1), await redeeming.look("nonsense")]
    again = await redeeming.take(code, 1, "a")
    elsewhere = await redeeming.take(code, 1, till=till)

    assert [refused(answer) for answer in answers] == [(429, "too_many_requests")] * 3
    assert 0 < int(answers[0].headers["retry-after"]) <= 600
    assert (again.status_code, again.content) == (200, first.content)
    assert elsewhere.status_code == 200


async def test_a_return_of_nothing_known_is_refused(redeeming, world):
    code, other = await redeeming.certificate(1000), await redeeming_at(world)
    await redeeming.take(code, 400, "a")

    answers = [await redeeming.give_back("b", 1), await other.give_back("a", 1)]

    assert [refused(answer) for answer in answers] == [(404, "use_unknown")] * 2


async def test_a_brand_that_left_the_shop_still_gives_back(redeeming, world):
    code = await redeeming.certificate(1000)
    await redeeming.take(code, 400, "a")
    await world.db.rows(text("UPDATE brand_shops SET ended_at = now()"))

    assert (await redeeming.give_back("a", 400)).json() == {"amount": 400, "balance": 1000}


async def test_a_token_that_stands_in_pages_looks_and_takes_nothing(redeeming, world):
    code = await redeeming.certificate(1000)
    pages = await world.till(shop=redeeming.shop, kind="web", origins=["https://shop.example"])
    await redeeming.take(code, 400, "a")

    answers = [await redeeming.take(code, 1, till=pages), await redeeming.give_back("a", 1, till=pages)]

    assert [refused(answer) for answer in answers] == [(403, "token_in_pages")] * 2
    assert (await redeeming.look(code, pages)).json()["balance"] == 600


async def test_a_till_that_wants_a_cashier_takes_nothing_without_one(redeeming, world):
    code = await redeeming.certificate(1000)
    till = await world.till(shop=redeeming.shop, needs_cashier=True)
    await redeeming.take(code, 400, "a")

    answers = [await redeeming.take(code, 1, till=till), await redeeming.give_back("a", 1, till=till)]

    assert [refused(answer) for answer in answers] == [(403, "cashier_needed")] * 2


@pytest.mark.parametrize("amount", [0, -1, 10**12 + 1, 1.5, "1", None])
async def test_an_amount_that_is_none_is_refused(redeeming, amount):
    code = await redeeming.certificate(1000)

    answers = [await redeeming.take(code, amount), await redeeming.give_back("a", amount)]

    assert {answer.status_code for answer in answers} == {400}


async def closings(redeeming, world):
    """Somebody of the brand, and the way to its statements with the shop."""
    worker = await world.staff(await world.brand_by_id(redeeming.programme.brand_id))
    rows = await world.db.rows(text("SELECT key FROM brand_shops WHERE shop_id = :shop"), shop=redeeming.shop.id)
    return worker, f"/v1/console/shops/{rows[0].key}/statements"


async def test_the_shops_statement_has_certificates_in_lines_of_their_own(redeeming, world):
    worker, path = await closings(redeeming, world)
    code = await redeeming.certificate(1000)
    await redeeming.take(code, 700, "a")
    await redeeming.give_back("a", 200, "r")

    open_now = (await worker.get(path)).json()["open"]
    closed = (await worker.ask("PUT", f"{path}/1")).json()
    await redeeming.give_back("a", 500)
    later = (await worker.ask("PUT", f"{path}/2")).json()
    told = (await redeeming.ask("GET", "statements")).json()["items"]

    figures = {"certificates": 700, "certificates_returned": 200, "discounts": 0, "returned": 0, "total": 500}
    assert open_now | figures == open_now
    assert closed | figures == closed
    assert (later["certificates"], later["certificates_returned"], later["total"]) == (0, 500, -500)
    assert [row["certificates_returned"] for row in told] == [500, 200]


async def test_the_statements_file_has_a_row_for_each_part(redeeming, world):
    worker, path = await closings(redeeming, world)
    code = await redeeming.certificate(1000)
    await redeeming.take(code, 700, "a")
    await redeeming.give_back("a", 200, "r")
    await worker.ask("PUT", f"{path}/1")

    rows = [row.split(",") for row in (await worker.get(f"{path}/1/file.csv")).text.splitlines()]
    paper = await worker.get(f"{path}/1/file.pdf")

    told = [(row[1], row[2], row[3], row[-1]) for row in rows[1:]]
    assert told == [("certificate", "a", "", "7.00"), ("to certificate", "a", "r", "-2.00"), ("", "", "", "5.00")]
    assert code not in str(rows)
    assert paper.headers["content-type"] == "application/pdf"


@pytest.mark.parametrize(
    ("change", "back", "fault"),
    [
        ("UPDATE certificates SET balance = 0", "UPDATE certificates SET balance = 500", CERTIFICATES),
        ("UPDATE certificate_uses SET amount = amount + 1 WHERE kind = 1",
         "UPDATE certificate_uses SET amount = amount - 1 WHERE kind = 1", CERTIFICATES),
        ("UPDATE certificate_uses SET amount = amount + 1 WHERE kind = 1",
         "UPDATE certificate_uses SET amount = amount - 1 WHERE kind = 1", DUES),
        ("UPDATE certificate_uses SET returned = returned + 1 WHERE kind = 1",
         "UPDATE certificate_uses SET returned = returned - 1 WHERE kind = 1", CERTIFICATES),
        ("UPDATE certificate_uses SET use_id = NULL",
         "UPDATE certificate_uses SET use_id = (SELECT min(id) FROM certificate_uses) WHERE kind = 2", CERTIFICATES),
        ("UPDATE dues SET amount = amount + 1", "UPDATE dues SET amount = amount - 1", DUES),
        ("UPDATE dues SET kind = 3 - kind", "UPDATE dues SET kind = 3 - kind", DUES),
        ("UPDATE dues SET cause = 19 - cause", "UPDATE dues SET cause = 19 - cause", DUES),
        ("UPDATE statements SET certificates = certificates + 1, discounts = discounts - 1",
         "UPDATE statements SET certificates = certificates - 1, discounts = discounts + 1", STATEMENTS),
    ],
)  # fmt: skip
async def test_the_proof_finds_what_was_tampered_with(redeeming, world, owner, change, back, fault):
    worker, path = await closings(redeeming, world)
    code = await redeeming.certificate(1000)
    await redeeming.take(code, 700, "a")
    await redeeming.give_back("a", 200, "r")
    await worker.ask("PUT", f"{path}/1")
    before = [await owner.rows(text(check)) for check in (CERTIFICATES, DUES, STATEMENTS)]

    await as_superuser(owner, change)
    found = await owner.rows(text(fault))
    await as_superuser(owner, back)

    assert before == [[], [], []]
    assert found


async def test_a_discount_that_was_used_twice_is_found(redeeming, owner):
    code = await redeeming.certificate(1000, single=True)
    await redeeming.take(code, 700, "a")

    await as_superuser(
        owner,
        "INSERT INTO certificate_uses "
        "(certificate_id, brand_id, till_id, shop_id, kind, digest, amount, balance_after, key) "
        "SELECT certificate_id, brand_id, till_id, shop_id, kind, digest, 1, 0, 'twice' FROM certificate_uses",
    )
    found = await owner.rows(text(CERTIFICATES))
    await as_superuser(owner, "DELETE FROM certificate_uses WHERE key = 'twice'")

    assert found


async def test_an_agent_who_scans_one_is_told_to_show_it_at_a_till(redeeming, world):
    code = await redeeming.certificate(1000)

    answer = (await world.scan(await world.account(), certificate_codes.link("http://scanback.test", code))).json()

    assert (answer["kind"], answer["reason"]) == ("certificate", "show_at_till")
    assert (await redeeming.look(code)).json()["balance"] == 1000
