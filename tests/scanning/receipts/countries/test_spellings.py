"""Texts of foreign receipts as messengers, mail programs and scanners change them."""

from urllib.parse import quote

import pytest

from scanning import payload
from scanning.receipts.countries import recognise
from tests.scanning.codes.marking_spellings import layout

HEX = "0123456789ABCDEF0123456789ABCDEF"
LINKS = {
    "KZ": "http://consumer.oofd.kz/?i=1734974179&f=010100465991&s=13507.0&t=20210922T224125",
    "UZ": "https://ofd.soliq.uz/check?t=LG420230638021&r=5240&c=20260109143119&s=430522013780",
    "KG": "https://tax.salyk.kg/tax-web-control/client/api/v1/ticket?date=20260917T175623&type=3&operation_type=1"
    "&fn_number=0000000000012345&fd_number=172045&fm=123456789&tin=01234567890123&regNumber=0000001&sum=91950",
    "UA": "https://cabinet.tax.gov.ua/cashregs/check?id=UxI07gWmYOQ&date=20251201&time=16:12&fn=4001246197&sm=46.50",
    "MD": "https://mev.sfs.md/receipt-verifier/J403001576/118.04/135932/2024-01-17",
    "ME": f"https://mapr.tax.gov.me/ic/#/verify?iic={HEX}&tin=02387891&crtd=2026-07-11T15:51:04+02:00&prc=59.10",
    "AL": "https://efiskalizimi-app.tatime.gov.al/invoice-check/#/verify"
    f"?iic={HEX}&tin=L86412202Q&crtd=2026-07-11T15:51:04+02:00&prc=400.00",
    "HR": f"https://porezna.gov.hr/rn?zki={HEX.lower()}&datv=20230615_1045&izn=5,00",
    "KE": "https://etims.kra.go.ke/common/link/etims/receipt/indexEtimsReceiptData?Data=P051234567A00ABCDEFGH12345678",
}
TEXTS = LINKS | {"SK": f"O-{HEX}", "BY": HEX[:24]}


def escaped(text):
    return text.replace("&", "\\u0026").replace("=", "\\u003d")


@pytest.mark.parametrize("country", TEXTS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: f"\u202d{text}\u202c\n",
        lambda text: f"«{text}»",
        lambda text: f'"{text}"',
        lambda text: text.replace("&", "&amp;"),
        escaped,
    ],
    ids=["direction marks", "quotes", "straight quotes", "HTML", "JSON"],
)
def test_foreign_receipt_copied_is_identical(country, change):
    assert key(change(TEXTS[country])) == key(TEXTS[country])


@pytest.mark.parametrize("country", TEXTS)
@pytest.mark.parametrize("blank", ["\n", "\r\n", "\u200b", " "])
def test_foreign_receipt_wrapped_anywhere_is_identical(country, blank):
    text = TEXTS[country]

    wrapped = [text[:place] + blank + text[place:] for place in range(1, len(text))]

    assert {key(one) for one in wrapped} == {key(text)}
    assert {payload.classify(one).kind for one in wrapped} == {"receipt"}


@pytest.mark.parametrize("country", LINKS)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.partition("://")[2],
        lambda text: "HTTPS://" + text.partition("://")[2],
        lambda text: f"<{text}>.",
        lambda text: quote(text, safe=""),
        lambda text: quote(quote(text, safe=""), safe=""),
        lambda text: layout(text, "ru"),
    ],
    ids=["no scheme", "capitals", "in brackets", "escaped", "escaped twice", "Russian keyboard"],
)
def test_foreign_link_in_any_spelling_is_identical(country, change):
    assert key(change(LINKS[country])) == key(LINKS[country])


def key(text):
    found = recognise(text)
    return found and (found.country, found.key)
