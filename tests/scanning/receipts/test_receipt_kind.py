"""Texts that are classified as receipts."""

import pytest

from scanning.payload import Payload, classify

FN = "7281440500751551"
RECEIPT = f"t=20240917T1801&s=1285.21&fn={FN}&i=30526&fp=1168453787&n=1"
GTIN = "04600439931256"


@pytest.mark.parametrize(
    "text",
    [
        RECEIPT,
        RECEIPT.replace("&", "%26").replace("=", "%3D"),
        RECEIPT.replace(FN, FN[:-1]),
        RECEIPT.replace("s=1285.21&", ""),
        RECEIPT.replace("20240917", "20240230"),
        RECEIPT + "&" + "x" * 400,
        f"е=20240917Е1801?ы=1285ю21?ат={FN}?ш=30526?аз=1168453787?т=1",
        f"https://check.ofd.ru/rec/{FN}/30526/1168453787",
        f"https://check.ofd.ru/rec/{FN}/30526/1168453787?t=20240917T1801&s=1285.21",
        f"https://check.ofd.ru/rec/{FN}/30526/1168453787?t=20240230T1801&s=1285.21",
        "https://receipt.taxcom.ru/v01/show?id=4ae13a87",
        "https://lknpd.nalog.ru/api/v1/receipt/123456789012/20abcdef01/print",
        "http://check.egais.ru?id=0b1c2d3e&dt=1709241801&cn=020000123456",
        "https://qr.nspk.ru/AS10000000000000000000000000000A?type=01",
        "ST00012|Name=Shop|PersonalAcc=40702810900000000001",
        "http://consumer.oofd.kz/?i=1734974179&f=010100465991&s=13507.0&t=20210922T224125",
        "http://consumer.oofd.kz/?i=1734974179&f=010100465991&s=13507.0&t=20210932T224125",
    ],
)
def test_receipt_like_text_is_classified_as_receipt(text):
    assert classify(f" {text}\n") == Payload("receipt", text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://shop.example/card?t=1&s=2&utm=receipt", "unknown"),
        ("https://shop.example/?t=1&t=2&fp=3", "unknown"),
        ("fp=1", "unknown"),
        ("sofa fp=аз", "unknown"),
        ("x=" + "fp" * 400, "unknown"),
        (f"01{GTIN}21fp=fn=&i=%\x1d93abcd", "marking"),
        (f"\x1d01{GTIN}215a'b\x1d91EE08\x1d92{'fp=' * 14}ab", "marking"),
        (f"https://id.gs1.org/01/{GTIN}/21/5fp=", "marking"),
        (f"https://id.gs1.org/01/{GTIN}", "barcode"),
    ],
)
def test_other_text_is_no_receipt(text, kind):
    assert classify(text).kind == kind
