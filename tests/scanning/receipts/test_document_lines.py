from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.receipts import document
from scanning.receipts.document import DocumentUnreadable
from tests.scanning.receipts.documents import item, page, receipt


def read(*lines, total=None, **changes):
    total = sum(line["sum"] or 0 for line in lines) if total is None else total
    return document.read(receipt(items=list(lines), totalSum=total, **changes))


def test_identical_lines_stay_separate():
    found = read(item(), item())

    assert found.lines[0].sum == found.lines[1].sum
    assert len(found.lines) == 2


def test_discounted_line_preserves_its_sum():
    assert read(item(price=29900, amount=27900)).lines[0].sum == 27900


@pytest.mark.parametrize("off", [-100, -99, 1, 100])
def test_total_rounded_within_rouble_has_warning(off):
    assert read(item(), total=13410 + off).warnings == ("total_differs",)


@pytest.mark.parametrize("off", [-101, 101, 13410])
def test_total_differing_over_rouble_has_warning(off):
    assert read(item(), total=13410 + off).warnings == ("sums_differ",)


def test_exact_total_has_no_warning():
    assert read(item(), item()).warnings == ()


@pytest.mark.parametrize("name", ["", None, "   ", "\x00", 5])
def test_line_without_name_is_read(name):
    assert read(item() | {"name": name}).lines[0].name in ("", "5")


def test_name_is_trimmed_and_cleaned_of_unstorable_characters():
    name = "  *3492277  ОБРАЗЕЦ\u00a0Мор..\t140мл \ud800"

    assert read(item(name)).lines[0].name == "*3492277  ОБРАЗЕЦ Мор.. 140мл"


def test_long_name_is_truncated():
    assert len(read(item("я" * 5000)).lines[0].name) == 256


def test_telephone_in_name_is_removed_article_stays():
    paid, article, size = (
        read(item(name)).lines[0].name
        for name in ("Пополнение +7 000 000-00-00", "4660043858820 СЫРОК 4319338852", "Уголок 400 100-20-15")
    )

    assert (paid, article, size) == ("Пополнение", "4660043858820 СЫРОК 4319338852", "Уголок 400 100-20-15")


@pytest.mark.parametrize(
    ("written", "quantity"),
    [(7.925, "7.925"), ("2.474", "2.474"), (1.0, "1"), (0.1 + 0.2, "0.3"), ("1,5", "1.5"), (1e-6, "0.000001")],
)
def test_quantity_is_read_as_exact_decimal(written, quantity):
    assert read(item() | {"quantity": written}).lines[0].quantity == Decimal(quantity)


def test_line_without_sum_is_computed_with_warning():
    found = read(item(price=3333, quantity=0.5) | {"sum": None}, total=1667)

    assert found.lines[0].sum == 1667
    assert found.warnings == ("sums_computed",)


def test_truncated_weight_may_differ_by_its_rounding():
    goods = page()
    goods["items"] = [{"title": "Гвозди", "quantity": 0.15, "price": 359}]
    goods["qr"]["s"] = 57.26  # 0.1595 kg

    assert document.read(goods).warnings == ("sums_computed", "total_differs")

    goods["qr"]["s"] = 62
    assert document.read(goods).warnings == ("sums_computed", "sums_differ")


@pytest.mark.parametrize("roubles", [12.345, "1e-3", float("nan"), -1, 10**16, True, "12_0", None])
def test_amount_with_fraction_of_kopeck_is_refused(roubles):
    goods = page()
    goods["qr"]["s"] = roubles

    with pytest.raises(DocumentUnreadable):
        document.read(goods)


@given(st.integers(0, 10**12))
def test_roubles_convert_to_kopecks_exactly(kopecks):
    goods = page()
    goods["items"] = [{"title": "x", "quantity": 1, "price": kopecks / 100}]
    goods["qr"]["s"] = f"{kopecks // 100}.{kopecks % 100:02d}"

    found = document.read(goods)

    assert (found.total, found.lines[0].sum) == (kopecks, kopecks)


@pytest.mark.parametrize("code", [4, 1, 99, None, "4", -1, 10**9, [], "x"])
def test_unknown_codes_of_open_lists_are_ignored(code):
    found = read(item(paymentType=code, productType=code, itemsQuantityMeasure=code) | {"nds": code})

    assert found.lines[0].payment in (4, 1, 99, None)


def test_voided_line_is_removed_once():
    found = read(item(), item(), total=13410, stornoItems=[item()])

    assert len(found.lines) == 1
    assert found.warnings == ("storno_taken_out",)


def test_part_of_line_can_be_voided():
    found = read(item(quantity=3), total=26820, stornoItems=[item()])

    assert (found.lines[0].quantity, found.lines[0].sum) == (2, 26820)


def test_line_marked_as_voiding_is_no_purchase():
    assert len(read(item(), item(), item(storno=True), total=13410).lines) == 1


def test_voided_lines_already_removed_stay_removed():
    found = read(item(), stornoItems=[item("Другое")])

    assert (len(found.lines), found.warnings) == (1, ())


def test_voiding_of_missing_line_is_refused():
    with pytest.raises(DocumentUnreadable) as refused:
        read(item(), total=0, stornoItems=[item("Другое")])

    assert refused.value.code == "storno_unmatched"


WITHOUT_SUM = [
    item("Карта", 0, 0, 0),
    item("Карта", 0, "0.000", 0),
    item("Карта", 100, 0) | {"sum": None},
    item("Карта", 0, -1, 0),
    item("Карта", -100, 0, 0),
    item("Карта", None, 1, 0) | {"quantity": "x"},
]


@pytest.mark.parametrize("invalid", WITHOUT_SUM)
@pytest.mark.parametrize("first", [True, False])
def test_line_without_quantity_and_sum_is_skipped(invalid, first):
    lines = [invalid, item()] if first else [item(), invalid]

    found = document.read(receipt(items=lines, totalSum=13410))

    assert [(line.n, line.sum) for line in found.lines] == [(1 if first else 0, 13410)]
    assert found.warnings == ("lines_left_out",)


def test_line_without_quantity_counts_in_total():
    found = document.read(receipt(items=[item(), item("Доставка", 500, 0, 500)], totalSum=13910))

    assert ([line.sum for line in found.lines], found.warnings) == ([13410], ("lines_left_out",))


@pytest.mark.parametrize(
    "invalid", [item("Скидка", -500, 1, -500), item("Скидка", 500, -1, -500), item("Скидка", None, 1, -500)]
)
def test_discount_line_makes_lines_unclear(invalid):
    found = document.read(receipt(items=[item(), invalid], totalSum=12910))

    assert ([line.sum for line in found.lines], found.warnings) == ([13410], ("lines_unclear",))


@pytest.mark.parametrize("invalid", [item() | {"price": None, "sum": None}, 1, None, item(amount="x")])
def test_line_without_amount_makes_lines_unclear(invalid):
    found = document.read(receipt(items=[invalid, item()], totalSum=20000))

    assert ([line.n for line in found.lines], found.warnings) == ([1], ("lines_unclear",))


@pytest.mark.parametrize(
    ("invalid", "total"), [(item("Карта", 0, 0, 0), 20000), (item("Скидка", 500, -1, -500), 9000), (1, 13000)]
)
def test_invalid_line_required_by_total_is_refused(invalid, total):
    with pytest.raises(DocumentUnreadable) as refused:
        document.read(receipt(items=[item(), invalid], totalSum=total))

    assert refused.value.code in ("line_invalid", "quantity_invalid")


def test_voided_line_with_zero_sum_voids_nothing():
    found = read(item(), item(), total=13410, stornoItems=[item(), item("Карта", 0, 0, 0)])

    assert (len(found.lines), found.warnings) == (1, ("storno_taken_out",))


@given(st.lists(st.tuples(st.integers(0, 10**7), st.decimals("0.001", 1000, places=3)), min_size=1, max_size=30))
def test_sums_are_exact_to_the_kopeck(pairs):
    lines = [item(price=1, quantity=float(quantity), amount=amount) for amount, quantity in pairs]

    found = read(*lines)

    assert [line.sum for line in found.lines] == [amount for amount, _ in pairs]
    assert [line.quantity for line in found.lines] == [quantity for _, quantity in pairs]
    assert found.warnings == ()
