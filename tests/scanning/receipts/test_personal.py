import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.receipts import document, personal
from tests.scanning.receipts import documents as made
from tests.scanning.receipts.documents import CASHIER, MAIL, PHONE, SHAPES, TRADER, by_trader, item, receipt

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
def test_stripped_response_is_same_document(shape):
    raw = SHAPES[shape]()

    assert document.read(personal.stripped(raw)) == document.read(raw)


@pytest.mark.parametrize("shape", SHAPES)
def test_cashier_and_buyer_are_removed(shape):
    raw = SHAPES[shape]()

    remaining = json.dumps(personal.stripped(raw), ensure_ascii=False)

    for secret in (*CASHIER.split(), MAIL, PHONE, TRADER, "shop@example.org", "0000.secret"):
        assert secret not in remaining


@pytest.mark.parametrize("shape", SHAPES)
def test_original_response_is_unchanged(shape):
    raw = SHAPES[shape]()
    before = copy.deepcopy(raw)

    personal.stripped(raw)

    assert raw == before


def test_sole_traders_name_is_removed_tax_number_stays():
    found = document.read(by_trader())
    remaining = json.dumps(personal.stripped(by_trader()), ensure_ascii=False)

    assert (found.seller, found.seller_inn, found.place) == ("", TRADER, "Магазин")
    assert CASHIER not in remaining
    assert CASHIER.split()[0] not in remaining
    assert TRADER in remaining


def test_sole_traders_bare_name_is_removed():
    raw = by_trader() | {"retailPlace": "Лавка Фамилия И. О.", "metadata": {"address": f"г. Образцовск, {CASHIER}"}}

    found = document.read(raw | {"retailPlaceAddress": None})
    remaining = json.dumps(personal.stripped(raw), ensure_ascii=False).casefold()

    assert (found.place, found.address) == ("", "")
    assert "фамилия" not in remaining


def test_sole_traders_name_in_title_is_removed():
    raw = made.page()
    raw["shop"] |= {"title": CASHIER, "tin": TRADER}

    assert document.read(raw).place == ""
    assert document.read(personal.stripped(raw)) == document.read(raw)
    assert CASHIER not in json.dumps(personal.stripped(raw), ensure_ascii=False)


def test_name_beside_persons_tax_number_is_removed():
    ticket = made.fns_mobile() | {"seller": {"name": CASHIER, "inn": TRADER}}

    assert personal.stripped(ticket)["seller"] == {"name": None, "inn": TRADER}


@pytest.mark.parametrize(
    ("name", "tax", "remaining"),
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
def test_only_name_of_organisation_remains(name, tax, remaining):
    assert personal.seller_name(name, tax) == remaining


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
def test_numbers_of_goods_and_houses_remain(text):
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
def test_telephones_are_removed_from_texts(text):
    assert personal.without_contacts(f"Касса {text} работает") == "Касса  работает"


@given(st.one_of(PHONES, MAILS), st.data())
def test_telephone_or_email_in_any_field_is_removed(secret, data):
    shape = data.draw(st.sampled_from(sorted(SHAPES)))
    raw = _with(
        SHAPES[shape](), data.draw(st.sampled_from([secret, f"тел. {secret}, спросить", [secret], {secret: 1}])), data
    )

    remaining = json.dumps(personal.stripped(raw), ensure_ascii=False)

    assert secret not in remaining


@given(st.integers(70_000_000_000, 89_999_999_999), st.sampled_from(["contact", "note", "code2", "x"]))
def test_telephone_number_in_unknown_field_is_removed(phone, name):
    remaining = json.dumps(personal.stripped(receipt(**{name: phone}, items=[item(**{name: phone})])))

    assert str(phone) not in remaining


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda child: st.lists(child) | st.dictionaries(st.text(), child),
    )
)
def test_stripping_any_json_is_idempotent(raw):
    once = personal.stripped(raw)

    assert personal.stripped(once) == once or "nan" in repr(once)


def test_deeply_nested_value_is_removed():
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
