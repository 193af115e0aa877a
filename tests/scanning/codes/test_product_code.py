import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.codes import gs1, product_code
from tests.scanning.receipts.documents import BINARY_CODE, GTIN, RAW_CODE, SERIAL

EAN_8 = "20000011"
PLAIN = "450D01D1A94A200F"
UNITS = st.text("ABCabc019'!*+", min_size=1, max_size=20).filter(lambda serial: "91" not in serial)


def new(**part):
    return {"productCodeNew": part}


@pytest.mark.parametrize(
    ("item", "found"),
    [
        (new(gs1m={"gtin": GTIN, "sernum": SERIAL, "rawProductCode": RAW_CODE}), (GTIN, SERIAL)),
        (new(gs1m={"rawProductCode": RAW_CODE}), (GTIN, SERIAL)),
        (new(gs1m={"gtin": GTIN, "sernum": SERIAL}), (GTIN, SERIAL)),
        (new(gs1m=RAW_CODE), (GTIN, SERIAL)),
        (new(gs1=RAW_CODE), (GTIN, SERIAL)),
        (new(gs1={"gtin": GTIN}), (GTIN, None)),
        (new(kmk=RAW_CODE), (GTIN, SERIAL)),
        (new(ean13=GTIN[1:]), (GTIN, None)),
        (new(ean13={"gtin": GTIN, "rawProductCode": GTIN[1:]}), (GTIN, None)),
        (new(itf14=GTIN), (GTIN, None)),
        (new(ean8=EAN_8), (EAN_8.zfill(14), None)),
        ({"productCodeNew": GTIN[1:]}, (GTIN, None)),
        ({"productCodeNew": RAW_CODE}, (GTIN, SERIAL)),
        (new(Code_EAN_13=GTIN[1:], Code_GS_1M=None), (GTIN, None)),
        (new(Code_EAN_13="", Code_GS_1M=RAW_CODE), (GTIN, SERIAL)),
        ({"productCodeData": {"gtin": int(GTIN), "rawProductCode": RAW_CODE, "sernum": SERIAL}}, (GTIN, SERIAL)),
        ({"gtin": GTIN, "sernum": SERIAL, "rawProductCode": RAW_CODE, "isProductMarked": True}, (GTIN, SERIAL)),
        ({"productCode": PLAIN}, (GTIN, None)),
        ({"productCode": PLAIN.lower()}, (GTIN, None)),
        ({"productCode": "45 0D 01 D1 A9 4A 20 0F"}, (GTIN, None)),
        ({"productCode": "45080000" + int(EAN_8).to_bytes(4, "big").hex()}, (EAN_8.zfill(14), None)),
        ({"productCode": "490E" + PLAIN[4:]}, (GTIN, None)),
        ({"productCode": BINARY_CODE}, (GTIN, SERIAL)),
        ({"productCode": BINARY_CODE + "2020"}, (GTIN, SERIAL)),
        ({"productCode": base64.b64encode(bytes.fromhex(BINARY_CODE)).decode()}, (GTIN, SERIAL)),
        ({"productCode": base64.b64encode(bytes.fromhex(PLAIN)).decode()}, (GTIN, None)),
        ({"barcode": GTIN[1:]}, (GTIN, None)),
    ],
)
def test_product_code_in_any_shape_is_read(item, found):
    assert product_code.read(item) == found


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"productCodeDataError": "not supported product type 3"},
        new(undefined=RAW_CODE),
        new(f1=RAW_CODE, mi=RAW_CODE, egais2=GTIN, egais3=GTIN),
        new(ean13="2000000000016"),
        new(ean13=RAW_CODE),
        new(gs1m=None),
        new(gs1m={"gtin": GTIN, "rawProductCode": "0102000000000022215AbC'd"}),
        {"productCode": "524601D1A94A200F"},
        {"productCode": "450D01D1A94A2010"},
        {"productCode": "4"},
        {"productCode": "\u0660" * 13},
        {"productCode": "A" * 10_000},
        {"gtin": 0},
        {"gtin": True},
        {"gtin": 10**40},
        {"productCodeNew": [RAW_CODE]},
    ],
)
def test_ambiguous_product_code_has_no_gtin(item):
    assert product_code.read(item) == (None, None)


def test_conflicting_serials_are_dropped():
    assert product_code.read(new(gs1m={"gtin": GTIN, "sernum": "other", "rawProductCode": RAW_CODE})) == (GTIN, None)


@given(st.integers(1, 10**12 - 1), UNITS)
def test_product_code_shapes_are_equivalent(number, serial):
    gtin = _with_check_digit(number)
    raw = f"01{gtin}21{serial}"
    binary = b"DM" + int(gtin).to_bytes(6, "big") + serial.encode()

    found = {
        product_code.read(item)
        for item in (
            new(gs1m=raw),
            new(gs1m={"gtin": gtin, "sernum": serial, "rawProductCode": raw}),
            {"productCodeData": {"gtin": int(gtin), "sernum": serial}},
            {"productCode": binary.hex()},
            {"productCode": base64.b64encode(binary).decode()},
        )
    }

    assert found == {(gtin, serial)}


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists), st.text())
def test_arbitrary_product_code_is_handled(value, text):
    for name in ("productCode", "productCodeNew", "productCodeData", "gtin", "barcode"):
        assert product_code.read({name: value})[1] is None
        assert (
            product_code.read({name: {"gs1m": value, "ean13": text, "gtin": value, "rawProductCode": text}})[1] is None
        )


def _with_check_digit(number):
    body = f"{number:013d}"
    return next(body + digit for digit in "0123456789" if _is_gtin(body + digit))


def _is_gtin(text):
    try:
        return bool(gs1.read_gtin(text))
    except gs1.GtinInvalid:
        return False
