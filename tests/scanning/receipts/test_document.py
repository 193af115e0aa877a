import contextlib
from datetime import date, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.receipts import document
from scanning.receipts.document import Document, DocumentUnreadable
from tests.scanning.receipts import documents as made
from tests.scanning.receipts.documents import GTIN, SERIAL, SHAPES, SUMS, TOTAL, item, receipt, without

AT = datetime.fromisoformat("2026-08-17T15:28")


def code_of(raw):
    with pytest.raises(DocumentUnreadable) as refused:
        document.read(raw)
    return refused.value.code


@pytest.mark.parametrize("shape", SHAPES)
def test_receipt_in_any_shape_is_same_document(shape):
    found = document.read(SHAPES[shape]())

    assert (found.fn, found.fd, found.fp) == (made.FN, 1234, 3000000001)
    assert (found.at, found.kind, found.operation) == (AT, 3, 1)
    assert (found.total, found.prepaid, found.credit) == (TOTAL, 0, 0)
    assert found.seller_inn == made.SELLER
    assert tuple(line.sum for line in found.lines) == SUMS
    assert [line.n for line in found.lines] == [0, 1, 2, 3]
    assert [line.quantity for line in found.lines] == [1, 1, Decimal("2.5"), 1]
    assert not found.marketplace


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"page"}))
def test_receipt_in_any_shape_has_its_lines(shape):
    lines = document.read(SHAPES[shape]()).lines

    assert [line.name for line in lines] == [line["name"] for line in made.items()]
    assert [line.price for line in lines] == [13410, 13410, 4990, 29900]
    assert [(line.gtin, line.serial) for line in lines] == [(None, None)] * 3 + [(GTIN, SERIAL)]
    assert {line.payment for line in lines} == {4}
    assert {line.subject for line in lines} == {1}


@pytest.mark.parametrize("shape", SHAPES)
def test_document_round_trips_through_json(shape):
    found = document.read(SHAPES[shape]())

    assert msgspec.json.decode(msgspec.json.encode(found), type=Document) == found


@pytest.mark.parametrize(
    ("shape", "source"),
    [("bare", "iso"), ("flat", "local"), ("fns mobile", "unix_moscow"), ("crpt", "unix_utc_wall"), ("page", "qr")],
)
def test_document_has_source_of_its_time(shape, source):
    assert document.read(SHAPES[shape]()).time_source == source


def test_time_zone_in_document_is_ignored_with_warning():
    found = document.read(receipt(dateTime="2026-08-17T15:28:00+07:00"))

    assert (found.at, found.time_source) == (AT, "iso_zoned")


@pytest.mark.parametrize(
    "written", ["2026-08-17 15:28", "20260817t1528", "17.08.2026 15:28:00", "2026-08-17T15:28:00.5"]
)
def test_time_in_other_formats_is_read(written):
    assert document.read(receipt(dateTime=written)).at == AT


@pytest.mark.parametrize(
    "wrong", ["2026-02-30T15:28", "2026-08-17", "soon", "", None, 0, -1, 10**30, 1.5, "1999-08-17T15:28"]
)
def test_invalid_time_is_refused(wrong):
    assert code_of(receipt(dateTime=wrong)) == "time_invalid"


def test_shop_and_its_region_are_read():
    found = document.read(receipt())

    assert found.seller == 'ООО "ОБРАЗЕЦ"'
    assert found.place == 'Магазин "ОБРАЗЕЦ"'
    assert found.address.startswith("000000, 54 - Новосибирская область")
    assert (found.kkt, found.region) == ("0000000001000001", "54")


@pytest.mark.parametrize(
    ("changes", "region"),
    [
        ({"region": 3}, "03"),
        ({"region": None}, "54"),
        ({"region": None, "retailPlaceAddress": "77-Москва, ул. Примерная"}, "77"),
        ({"region": None, "retailPlaceAddress": "г. Москва, 12 - 14"}, None),
        ({"region": None, "retailPlaceAddress": "Россия, 656014,Г. БАРНАУЛ"}, "22"),
        ({"region": "00", "retailPlaceAddress": None, "retailPlace": "54 - Новосибирская область, 0000"}, "54"),
        ({"region": None, "retailPlaceAddress": "г. Москва"}, None),
        ({"internetSign": 1}, None),
    ],
)
def test_region_is_read_from_field_or_address(changes, region):
    assert document.read(receipt(**changes)).region == region


def test_invalid_tax_number_is_none():
    found = document.read(receipt(userInn="9900000018  "))

    assert found.seller_inn is None


def test_goods_of_other_supplier_mean_marketplace():
    by_number = document.read(receipt(items=[item(amount=TOTAL, providerInn=f"{made.SUPPLIER}  ")]))
    by_agent = document.read(receipt(items=[item(amount=TOTAL, paymentAgentByProductType=64)]))
    own = document.read(receipt(items=[item(amount=TOTAL, providerInn=made.SELLER)]))

    assert [found.marketplace for found in (by_number, by_agent, own)] == [True, True, False]
    assert by_number.lines[0].supplier_inn == made.SUPPLIER


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (None, "no_receipt"),
        ([], "no_receipt"),
        ("text", "no_receipt"),
        ("{", "no_receipt"),
        ({"code": 2, "data": "not yet"}, "no_receipt"),
        (receipt(fiscalDriveNumber="1"), "requisites_missing"),
        (receipt(fiscalDriveNumber=9.289000100e15), "requisites_missing"),
        (receipt(fiscalDocumentNumber=0), "requisites_missing"),
        (receipt(fiscalSign=2**32), "requisites_missing"),
        (without(receipt(), "fiscalSign"), "requisites_missing"),
        (receipt(operationType=5), "operation_invalid"),
        (receipt(operationType=True), "operation_invalid"),
        (receipt(code=5), "kind_unknown"),
        (receipt(totalSum=None), "total_invalid"),
        (receipt(totalSum=671.95), "total_invalid"),
        (receipt(totalSum=-1), "total_invalid"),
        (receipt(totalSum="671,95"), "total_invalid"),
        (receipt(prepaidSum="x"), "sum_invalid"),
        (receipt(items=[]), "no_lines"),
        (receipt(items={}), "lines_invalid"),
        (receipt(items=[1]), "line_invalid"),
        (receipt(items=[item(amount=-1)]), "line_invalid"),
        (receipt(items=[item() | {"price": None, "sum": None}]), "line_invalid"),
        (receipt(items=[item() | {"quantity": 0}]), "quantity_invalid"),
        (receipt(items=[item() | {"quantity": -1}]), "quantity_invalid"),
        (receipt(items=[item() | {"quantity": "NaN"}]), "quantity_invalid"),
        (receipt(items=[item() | {"quantity": float("inf")}]), "quantity_invalid"),
        (receipt(items=[item() | {"quantity": 1e-9}]), "quantity_invalid"),
        (receipt(items=[item() | {"quantity": "1e400"}]), "quantity_invalid"),
        (receipt(items=[item()] * 2001), "too_many_lines"),
        (receipt(retailPlace="x" * 1_000_001), "too_large"),
        ([receipt(), receipt(fiscalDocumentNumber=2)], "several_receipts"),
    ],
)
def test_invalid_receipt_is_refused_with_code(raw, code):
    assert code_of(raw) == code


def test_deeply_nested_document_is_refused():
    raw = receipt()
    for _ in range(500):
        raw = [raw]

    assert code_of(raw) == "too_large"


def test_export_is_read_in_order_without_duplicates():
    export = [made.fns_export()[0], receipt(fiscalDocumentNumber=2), receipt(fiscalDocumentNumber=2)]

    assert [found.fd for found in document.read_many(export)] == [1234, 2]


def test_duplicate_receipt_in_response_is_ignored():
    assert document.read({"data": {"json": receipt()}, "again": receipt()}).fd == 1234


@pytest.mark.parametrize(
    ("name", "kind"), [("receipt", 3), ("bso", 4), ("receiptCorrection", 31), ("bsoCorrection", 41), ("other", 3)]
)
def test_document_without_code_has_kind_of_its_name(name, kind):
    assert document.read({"document": {name: without(receipt(), "code")}}).kind == kind


def test_correction_names_its_receipt_without_lines():
    found = document.read(
        receipt(
            code=31,
            items=None,
            correctionType=1,
            correctionBase={"documentDate": "2026-08-16", "documentNumber": "17-А"},
            propertiesData="3000000002",
        )
    )

    assert found.corrects == document.Correction(True, date.fromisoformat("2026-08-16"), "17-А", 3000000002)
    assert found.lines == ()


def test_correction_without_details_is_read():
    found = document.read(receipt(code=31, propertiesData="by the cashier"))

    assert found.corrects == document.Correction(None, None, "", None)
    assert document.read(receipt()).corrects is None


@given(st.sampled_from(sorted(SHAPES)), st.randoms(use_true_random=False), st.data())
def test_randomly_changed_receipt_is_read_or_refused(shape, chance, data):
    raw = SHAPES[shape]()
    for _ in range(chance.randint(1, 3)):
        raw = _changed(raw, chance, data)

    # Any other exception fails the test.
    with contextlib.suppress(DocumentUnreadable):
        for one in document.read_many(raw):
            assert msgspec.json.decode(msgspec.json.encode(one), type=Document) == one
            assert (
                not one.lines
                or {"sums_computed", "sums_differ", "lines_left_out", "lines_unclear"} & {*one.warnings}
                or abs(sum(x.sum for x in one.lines) - one.total) <= 100
            )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=10), child, max_size=3),
    max_leaves=5,
)


def _changed(raw, chance, data):
    """A copy in which one random place is replaced by any JSON or removed."""
    if not isinstance(raw, dict | list) or not raw or chance.random() < 0.15:
        return data.draw(JSON)
    copy = raw.copy()
    place = chance.choice(list(copy)) if isinstance(copy, dict) else chance.randrange(len(copy))
    if chance.random() < 0.1:
        del copy[place]
    else:
        copy[place] = _changed(copy[place], chance, data)
    return copy
