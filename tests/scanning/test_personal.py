import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning import document, personal
from tests.scanning import documents as made
from tests.scanning.documents import CASHIER, MAIL, PHONE, SHAPES, TRADER, by_trader, item, receipt

DIGITS = st.text("0123456789", min_size=9, max_size=9)
FORMS = (
    "+7 9{} {}-{}-{}",
    "+79{}{}{}{}",
    "89{}{}{}{}",
    "8 (9{}) {}-{}-{}",
    "8-9{}-{}-{}-{}",
    "79{}{}{}{}",
    "8 4{} {} {} {}",
)
PHONES = st.builds(lambda form, d: form.format(d[:2], d[2:5], d[5:7], d[7:9]), st.sampled_from(FORMS), DIGITS)
MAILS = st.builds(
    "{}@{}.{}".format, *[st.text("abcxyz0123456789._-", min_size=2, max_size=12)] * 2, st.sampled_from(["ru", "рф"])
)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_stripped_answer_is_still_the_same_document(shape):
    raw = SHAPES[shape]()

    assert document.read(personal.stripped(raw)) == document.read(raw)


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_of_the_cashier_or_buyer_is_left(shape):
    raw = SHAPES[shape]()

    kept = json.dumps(personal.stripped(raw), ensure_ascii=False)

    for secret in (*CASHIER.split(), MAIL, PHONE, TRADER, "shop@example.org", "0000.secret"):
        assert secret not in kept


@pytest.mark.parametrize("shape", SHAPES)
def test_the_answer_itself_is_not_changed(shape):
    raw = SHAPES[shape]()
    before = copy.deepcopy(raw)

    personal.stripped(raw)

    assert raw == before


def test_a_sole_trader_s_name_goes_and_the_tax_number_stays():
    found = document.read(by_trader())
    kept = json.dumps(personal.stripped(by_trader()), ensure_ascii=False)

    assert (found.seller, found.seller_inn, found.place) == ("", TRADER, "Магазин")
    assert CASHIER not in kept
    assert CASHIER.split()[0] not in kept
    assert TRADER in kept


def test_a_sole_trader_s_bare_name_in_the_shop_s_name_goes_too():
    raw = by_trader() | {"retailPlace": "Лавка Фамилия И. О.", "metadata": {"address": f"г. Образцовск, {CASHIER}"}}

    found = document.read(raw | {"retailPlaceAddress": None})
    kept = json.dumps(personal.stripped(raw), ensure_ascii=False).casefold()

    assert (found.place, found.address) == ("", "")
    assert "фамилия" not in kept


def test_the_title_of_a_sole_trader_s_page_may_be_a_bare_name_and_goes():
    raw = made.page()
    raw["shop"] |= {"title": CASHIER, "tin": TRADER}

    assert document.read(raw).place == ""
    assert document.read(personal.stripped(raw)) == document.read(raw)
    assert CASHIER not in json.dumps(personal.stripped(raw), ensure_ascii=False)


def test_the_name_beside_a_person_s_tax_number_goes():
    ticket = made.fns_mobile() | {"seller": {"name": CASHIER, "inn": TRADER}}

    assert personal.stripped(ticket)["seller"] == {"name": None, "inn": TRADER}


@pytest.mark.parametrize(
    ("name", "tax", "kept"),
    [
        ('ООО "ОБРАЗЕЦ"', None, 'ООО "ОБРАЗЕЦ"'),
        ("Образец Торг ООО", None, "Образец Торг ООО"),
        ("ОБРАЗЕЦ", made.SELLER, "ОБРАЗЕЦ"),
        (CASHIER, None, ""),
        (CASHIER, TRADER, ""),
        (f"ИП {CASHIER}", made.SELLER, ""),
        (f"Индивидуальный предприниматель {CASHIER}", None, ""),
        ("", None, ""),
    ],
)
def test_only_the_name_of_an_organisation_is_kept(name, tax, kept):
    assert personal.seller_name(name, tax) == kept


@pytest.mark.parametrize(
    "text",
    [
        "4660043858820 СЫРОК ГЛАЗИРОВАННЫЙ",
        "Кабель ОБРАЗЕЦ 2+1 220-240 В",
        "мм 50 Aртикул 4319338852",
        "000000, г. Образцовск, ул. Примерная, д. 8, к. 3",
        "Дюбель 8 495х100",
        "0102000000000015215AbC'd",
    ],
)
def test_numbers_of_goods_and_houses_are_no_telephones(text):
    assert personal.without_contacts(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "+375 29 000-00-00",
        "8(900)000-00-00",
        "(900) 000-00-00",
        "8 (4900) 00-00-00",
        "+7(4900)000-000",
        "+7\u00a0900\u00a0000\u00a000\u00a000",
    ],
)
def test_telephones_are_cut_out_of_texts(text):
    assert personal.without_contacts(f"Касса {text} работает") == "Касса  работает"


@given(st.one_of(PHONES, MAILS), st.data())
def test_no_telephone_or_mail_address_survives_wherever_it_stands(secret, data):
    shape = data.draw(st.sampled_from(sorted(SHAPES)))
    raw = _with(
        SHAPES[shape](), data.draw(st.sampled_from([secret, f"тел. {secret}, спросить", [secret], {secret: 1}])), data
    )

    kept = json.dumps(personal.stripped(raw), ensure_ascii=False)

    assert secret not in kept


@given(st.integers(70_000_000_000, 89_999_999_999), st.sampled_from(["contact", "note", "code2", "x"]))
def test_no_telephone_survives_as_a_number_in_an_unknown_field(phone, name):
    kept = json.dumps(personal.stripped(receipt(**{name: phone}, items=[item(**{name: phone})])))

    assert str(phone) not in kept


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda child: st.lists(child) | st.dictionaries(st.text(), child),
    )
)
def test_any_json_can_be_stripped_and_once_is_enough(raw):
    once = personal.stripped(raw)

    assert personal.stripped(once) == once or "nan" in repr(once)


def test_what_is_nested_too_deep_is_left_out():
    raw = MAIL
    for _ in range(900):
        raw = [raw]

    assert MAIL not in json.dumps(personal.stripped(raw))


def _with(raw, secret, data):
    """A copy with the secret in one field, known or unknown, somewhere in the answer."""
    if isinstance(raw, str) and raw.startswith("{"):
        return json.dumps(_with(json.loads(raw), secret, data), ensure_ascii=False)
    if isinstance(raw, list) and raw:
        place = data.draw(st.integers(0, len(raw) - 1))
        return [_with(child, secret, data) if n == place else child for n, child in enumerate(raw)]
    if not isinstance(raw, dict):
        return secret
    place = data.draw(st.sampled_from([*sorted(raw), "note", "kassa"]))
    return raw | {place: _with(raw.get(place), secret, data)}
