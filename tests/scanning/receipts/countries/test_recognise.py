import base64
import itertools
import re
from urllib.parse import quote

import pytest

from scanning.receipts.countries import ForeignInvalid, recognise
from tests.scanning.receipts.countries import make

KZ = "http://consumer.oofd.kz/?i=1734000001&f=010100400001&s=13507.0&t=20250922T224125"
KG = (
    "https://tax.salyk.kg/tax-web-control/client/api/v1/ticket?date=20260917T175623&type=3&operation_type=1"
    "&fn_number=0000000000123456&fd_number=172045&fm=987654321&tin=01234567890123&regNumber=0000000000654321&sum=91950"
)
UZ = "https://ofd.soliq.uz/check?t=LG420230600001&r=5240&c=20260109143119&s=430522000001"
VERIFY = (
    "#/verify?iic={}&tin={}&crtd=2026-07-11T15:51:04+02:00&ord=7&bu=aa111bb222&cr=cc333dd444&sw=ee555ff666&prc=59.10"
)
ME = "https://mapr.tax.gov.me/ic/" + VERIFY.format(make.IIC, "03000001")
AL = "https://efiskalizimi-app.tatime.gov.al/invoice-check/" + VERIFY.format(make.IIC, "L10000001A")
BY = "A1B2C3D4E5F60718293A4B5C"
SK = "O-7DBCDA8A56EE426DBCDA8A56EE426D1A"
SK_OFFLINE = "33DD6A44-A5B0D1C4-11112222-33334444-55556666:88812345678900001:260908103114:17:23.12"
PT = "A:123456789*B:999999990*C:PT*D:FS*E:N*F:20260314*G:FS 7/456*H:ABCDEFGH-0456*I1:PT*N:0.50*O:10.50*Q:AaAa*R:1234"
HR = "https://porezna.gov.hr/rn?jir=0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0&datv=20260615_1045&izn=5,00"
UA = "https://cabinet.tax.gov.ua/cashregs/check?id=Ux00gWmYAAA&date=20251201&time=16:12&fn=4001000001&sm=46.50"
MD = "https://mev.sfs.md/receipt-verifier/J403000001/118.04/135932/2026-01-17"
ES = (
    "https://www2.agenciatributaria.gob.es/wlpl/TIKE-CONT/ValidarQR"
    "?nif=89890001K&numserie=12345678%2FG33&fecha=01-09-2026&importe=241.4"
)
PL = f"https://qr.ksef.mf.gov.pl/invoice/5260250274/01-02-2026/{'Ab-_' * 10}xyz"
BR = f"http://www.fazenda.pr.gov.br/nfce/qrcode?p={make.brazilian_key()}|2|1|1|{'0A' * 20}"
BR_OFFLINE = f"http://www.fazenda.pr.gov.br/nfce/qrcode?p={make.brazilian_key()}|2|1|14|60.90|{'3d' * 28}|1|{'0A' * 20}"
MX = (
    "https://verificacfdi.facturaelectronica.sat.gob.mx/default.aspx?id=5555bfa3-7107-4715-a2e1-31f05e860000"
    "&re=SAZD861013FU2&rr=CUPU800825569&tt=0000000116.000000&fe=l+AO4g=="
)
KE = "https://etims.kra.go.ke/common/link/etims/receipt/indexEtimsReceiptData?Data=P051234567Q00ABCD1234EFGH5678"
TR = (
    '{"vkntckn":"3333333302","avkntckn":"11111111111","senaryo":"EARSIVFATURA","tip":"SATIS","tarih":"2026-10-07",'
    '"no":"GIB2026000000471","ettn":"4ae13a87-0000-4000-8000-000000000001","parabirimi":"TRY","odenecek":"15.3"}'
)
HASH = base64.b64encode(bytes(range(32)))
SI = make.slovenian()
SA2 = make.saudi(HASH, b"MEUCIQ==", b"key", b"stamp")

# text: country, scheme, key, wall time, total, currency, seller, operation
GOOD = {
    KZ: ("KZ", "kz-ofd", "010100400001:1734000001", "2025-09-22T22:41:25", 1350700, "KZT", None, None),
    KG: ("KG", "kg-salyk", "0000000000123456:172045", "2026-09-17T17:56:23", 91950, "KGS", "01234567890123", 1),
    UZ: ("UZ", "uz-soliq", "LG420230600001:5240", "2026-01-09T14:31:19", None, "UZS", None, None),
    ME: ("ME", "me-efi", make.IIC, "2026-07-11T15:51:04", 5910, "EUR", "03000001", None),
    AL: ("AL", "al-efi", make.IIC, "2026-07-11T15:51:04", 5910, "ALL", "L10000001A", None),
    BY: ("BY", "by-skno", BY, None, None, "BYN", None, None),
    SK: ("SK", "sk-ekasa", SK, None, None, "EUR", None, None),
    SK_OFFLINE: ("SK", "sk-ekasa-offline", SK_OFFLINE[:44], "2026-09-08T10:31:14", 2312, "EUR", "1234567890", 1),
    make.serbian_link(): ("RS", "rs-suf", "AB12CD34-EF56GH78-88", "2025-08-28T13:00:00", 12345, "RSD", None, 1),
    make.austrian(): ("AT", "at-rksv", "1a2b3c4d:KASSE-7:4711", "2025-03-30T14:05:59", 1550, "EUR", None, 1),
    PT: ("PT", "pt-atcud", "123456789:ABCDEFGH-456", "2026-03-14T00:00:00", 1050, "EUR", "123456789", 1),
    make.saudi(): (
        *("SA", "sa-zatca-1", "300012345600003:20260301T184510:230.00:30.00"),
        *("2026-03-01T18:45:10", 23000, "SAR", "300012345600003", None),
    ),
    SA2: (
        *("SA", "sa-zatca-2", f"300012345600003:{HASH.decode()}"),
        *("2026-03-01T18:45:10", 23000, "SAR", "300012345600003", None),
    ),
    make.indian(): ("IN", "in-einvoice", make.IRN, "2026-02-05T00:00:00", 11800050, "INR", make.GSTIN, 1),
    SI: ("SI", "si-furs", "a7e5f55e1dbb48b799268e1a6d8618a3", "2026-02-14T17:30:59", None, "EUR", "12345678", None),
    HR: ("HR", "hr-fiskal", "jir=0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", "2026-06-15T10:45:00", 500, "EUR", None, None),
    UA: ("UA", "ua-prro", "4001000001:Ux00gWmYAAA", "2025-12-01T16:12:00", 4650, "UAH", None, None),
    MD: ("MD", "md-mev", "J403000001:135932:2026-01-17", "2026-01-17T00:00:00", 11804, "MDL", None, None),
    ES: (
        "ES",
        "es-verifactu",
        "89890001K:12345678/G33:2026-09-01",
        "2026-09-01T00:00:00",
        24140,
        "EUR",
        "89890001K",
        1,
    ),
    make.ticketbai(): (
        *("ES", "es-ticketbai", re.search("TBAI-[^&]+", make.ticketbai())[0]),
        *("2026-02-14T00:00:00", 4840, "EUR", "99999990S", 1),
    ),
    PL: ("PL", "pl-ksef", "Ab-_" * 10 + "xyz", "2026-02-01T00:00:00", None, None, "5260250274", None),
    BR: ("BR", "br-nfce", make.brazilian_key(), None, None, "BRL", "11222333000181", None),
    BR_OFFLINE: ("BR", "br-nfce", make.brazilian_key(), "2026-03-14T00:00:00", 6090, "BRL", "11222333000181", None),
    MX: ("MX", "mx-cfdi", "5555BFA3-7107-4715-A2E1-31F05E860000", None, 11600, None, "SAZD861013FU2", None),
    KE: ("KE", "ke-etims", "P051234567Q00ABCD1234EFGH5678", None, None, "KES", "P051234567Q", None),
    TR: (
        "TR",
        "tr-earsiv",
        "4ae13a87-0000-4000-8000-000000000001",
        "2026-10-07T00:00:00",
        1530,
        "TRY",
        "3333333302",
        1,
    ),
}


@pytest.mark.parametrize(("text", "expected"), GOOD.items(), ids=[row[1] + row[2][:3] for row in GOOD.values()])
def test_foreign_receipt_has_expected_fields(text, expected):
    found = recognise(text)

    at = found.at and found.at.isoformat()
    seen = (found.country, found.scheme, found.key, at, found.total, found.currency, found.seller, found.operation)
    assert seen == expected
    assert found.at is None or found.at.tzinfo is None
    assert not found.can_be_verified


@pytest.mark.parametrize("text", GOOD, ids=itertools.count())
def test_canonical_text_is_the_same_receipt(text):
    found = recognise(text)

    assert recognise(found.canonical) == found


def reversed_order(link):
    page, _, query = link.partition("?")
    return f"{page}?{'&'.join(reversed(query.split('&')))}"


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (KZ, KZ.replace("http:", "https:")),
        (KZ, KZ.replace("http://", "")),
        (KZ, f"\ufeff {KZ}\r\n"),
        (KZ, KZ.upper()),
        (KZ, KZ.replace("&", "&amp;")),
        (KZ, reversed_order(KZ)),
        (KZ, KZ.replace("i=", "i=000")),
        (KZ, KZ.replace("13507.0", "13507,00")),
        (KZ, KZ.replace("consumer.oofd.kz/", "consumer.kofd.kz/consumer")),
        (KZ, KZ.replace("consumer.oofd.kz/", "ofd1.kz/t/")),
        (KZ, KZ.replace("consumer.oofd.kz/?", "4ek.kz/?o=transtelecom&")),
        (KZ, f"{KZ}&utm=1#top"),
        (KG, reversed_order(KG).replace("https", "HTTP").replace("fn_number=0000000000", "FN_NUMBER=")),
        (UZ, UZ.replace("LG4", "lg4").replace("r=5240", "r=005240")),
        (ME, ME.replace("+02:00", "%2B02:00").replace(make.IIC, make.IIC.lower())),
        (ME, ME.replace("+02:00", " 02:00")),
        (AL, AL.replace("+02:00", "%2002:00")),
        (BY, BY.lower()),
        (SK, SK.lower()),
        (make.serbian_link(), make.serbian_link(safe="+/=")),
        (make.serbian_link(), make.serbian_link(safe="+/=").replace("+", " ").rstrip("=")),
        (PT, PT.replace("-0456", "-456") + "*"),
        (HR, HR.replace("https://", "http://www.").replace("0f1e2d3c", "0F1E2D3C")),
        (HR, HR.replace("5,00", "5.00")),
        (UA, UA.replace("16:12", "161200")),
        (ES, ES.replace("%2F", "/").replace("k&", "K&")),
        (PL, PL + "/"),
        (MX, MX.replace("+", "%2B").replace("0000000116.000000", "116.00")),
        (TR, TR.replace('"ettn"', '"ETTN"')),
    ],
    ids=itertools.count(),
)
def test_receipt_in_another_spelling_is_identical(text, other):
    assert recognise(other).key == recognise(text).key


@pytest.mark.parametrize(
    ("text", "country", "code"),
    [
        (KZ.replace("s=13507.0", "s=13507.055"), "KZ", "sum_invalid"),
        (KZ.replace("s=13507.0", "s=-1"), "KZ", "sum_invalid"),
        (KZ.replace("s=13507.0", "s=1e5"), "KZ", "sum_invalid"),
        (KZ.replace("s=13507.0", "s=" + "9" * 15), "KZ", "sum_invalid"),
        (KZ.replace("20250922", "20250230"), "KZ", "date_invalid"),
        (KZ.replace("20250922", "02600922"), "KZ", "date_invalid"),
        (make.serbian_link(make.serbian(at_ms=0)), "RS", "date_invalid"),
        (KZ.replace("T224125", "T244125"), "KZ", "date_invalid"),
        (KZ.replace("i=1734000001", "i=١٢٣"), "KZ", "field_invalid"),
        (KZ.replace("&f=010100400001", ""), "KZ", "field_missing"),
        (KZ + "&s=1.00", "KZ", "field_repeated"),
        (KZ.replace("consumer.oofd", "dev.kofd"), "KZ", "test_system"),
        (KZ.replace("/?", "/\ud800?"), "KZ", "encoding_invalid"),
        (KG.replace("172045", "17x"), "KG", "field_invalid"),
        (UZ.replace("c=2026", "c=2026x"), "UZ", "date_invalid"),
        (ME.replace(make.IIC, make.IIC[:-1]), "ME", "field_invalid"),
        (AL.replace("prc=59.10", "prc="), "AL", "field_missing"),
        (SK[:-1], "SK", "field_invalid"),
        (SK_OFFLINE.replace(":2609", ":2613"), "SK", "date_invalid"),
        (make.serbian_link(make.serbian()[:-1]), "RS", "check_failed"),
        (make.serbian_link(b"\x03" + make.serbian()[1:].replace(b"AB12", b"AB13")), "RS", "check_failed"),
        (make.serbian_link(make.serbian(version=2)), "RS", "field_invalid"),
        (make.serbian_link(make.serbian(total=1234501)), "RS", "sum_invalid"),
        (make.serbian_link(make.serbian(at_ms=2**63)), "RS", "date_invalid"),
        (make.serbian_link(make.serbian(buyer=bytes(21))), "RS", "field_invalid"),
        ("https://suf.purs.gov.rs/v/?vl=A", "RS", "encoding_invalid"),
        (make.austrian().replace("12,00", "12,0x"), "AT", "sum_invalid"),
        (make.austrian().replace("_4711", ""), "AT", "field_missing"),
        (make.german().replace("11.90", "11.905"), "DE", "sum_invalid"),
        (make.german().replace("_0.00_0.00_0.00", ""), "DE", "field_invalid"),
        (make.german().rpartition(";")[0], "DE", "field_missing"),
        (make.german().replace(";200;", ";-1;"), "DE", "field_invalid"),
        (PT.replace("123456789", "123456788"), "PT", "check_failed"),
        (PT.replace("20260314", "20260332"), "PT", "date_invalid"),
        (PT.replace("7/456", "7\x00456"), "PT", "encoding_invalid"),
        (PT + "*O:1.00", "PT", "field_repeated"),
        (make.saudi(total="2x"), "SA", "sum_invalid"),
        (make.saudi(b"aGFzaA==", b"MEUCIQ==", b"key", b"stamp"), "SA", "field_invalid"),
        (base64.b64encode(base64.b64decode(make.saudi())[:-3]).decode(), "SA", "field_missing"),
        (make.indian(Irn="5c0e"), "IN", "field_invalid"),
        (make.indian(DocDt="31/02/2026"), "IN", "date_invalid"),
        (make.indian(SellerGstin="27AAPFU0939F1ZW"), "IN", "check_failed"),
        (make.indian(head={"alg": "none"}), "IN", "field_invalid"),
        (SI[:-1] + str((int(SI[-1]) + 1) % 10), "SI", "check_failed"),
        (make.slovenian(mark=2**128), "SI", "field_invalid"),
        (make.slovenian(time="260231173059"), "SI", "date_invalid"),
        (HR.replace("-4b5a-", "-4b5-"), "HR", "field_invalid"),
        (UA.replace("16:12", "16:72"), "UA", "date_invalid"),
        (MD.replace("/135932", ""), "MD", "field_missing"),
        (ES.replace("89890001K", "89890001L"), "ES", "check_failed"),
        (make.ticketbai().replace("48.40", "84.40"), "ES", "check_failed"),
        (make.ticketbai().replace("aB3", "aB4"), "ES", "check_failed"),
        (PL.replace("5260250274", "5260250275"), "PL", "check_failed"),
        (PL.replace("//qr.", "//qr-test."), "PL", "test_system"),
        (BR.replace("|2|1|", "|2|2|"), "BR", "test_system"),
        (BR.replace("?p=3526", "?p=3527"), "BR", "check_failed"),
        (MX.replace("-a2e1-", "-a2e-"), "MX", "field_invalid"),
        (KE[:-1], "KE", "field_invalid"),
        (TR.replace("2026-10-07", "2026-10-47"), "TR", "date_invalid"),
        (TR[:-1], "TR", "encoding_invalid"),
    ],
    ids=itertools.count(),
)
def test_damaged_receipt_is_refused_with_reason(text, country, code):
    with pytest.raises(ForeignInvalid) as refused:
        recognise(text)

    assert (refused.value.country, refused.value.code) == (country, code)
    assert str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        KG.replace("operation_type=1", "operation_type=2"),
        make.serbian_link(make.serbian(transaction=1)),
        make.austrian(sums=("-12,00", "0,00", "0,00", "0,00", "0,00")),
        make.austrian(turnover="U1RP"),
        make.german(process="Beleg^-11.90_0.00_0.00_0.00_0.00^-11.90:Bar"),
        make.german(process="AVBelegstorno^11.90_0.00_0.00_0.00_0.00^11.90:Bar"),
        PT.replace("D:FS", "D:NC"),
        make.saudi(total="-230.00"),
        make.indian(DocTyp="CRN"),
        ES.replace("241.4", "-241.4"),
        make.ticketbai(amount="-48.40"),
        SK_OFFLINE.replace("23.12", "-23.12"),
        TR.replace("SATIS", "IADE"),
    ],
    ids=itertools.count(),
)
def test_return_is_recognised_with_positive_total(text):
    found = recognise(text)

    assert found.operation == 2
    assert found.total > 0


@pytest.mark.parametrize(
    "text",
    [
        make.serbian_link(make.serbian(kind=2)),
        make.serbian_link(make.serbian(kind=3)),
        make.austrian(turnover="VFJB"),
        make.german(process="AVTraining^11.90_0.00_0.00_0.00_0.00^11.90:Bar"),
        PT.replace("E:N", "E:A"),
        KG.replace("operation_type=1", "operation_type=3"),
    ],
    ids=itertools.count(),
)
def test_copies_trainings_and_cancellations_are_no_sales(text):
    assert recognise(text).operation is None


@pytest.mark.parametrize(("text", "number"), [(PT, "999999990"), (MX, "CUPU800825569"), (TR, "11111111111")])
def test_buyer_is_left_out(text, number):
    assert number in text
    assert number not in recognise(text).canonical


def test_serbian_invoice_with_optional_data_is_read():
    assert recognise(make.serbian_link(make.serbian(buyer=b"10:123456789", hidden=512))).total == 12345


def test_saudi_hash_in_bytes_equals_base64():
    assert recognise(make.saudi(bytes(range(32)), b"MEUCIQ==", b"key", b"stamp")).key == recognise(SA2).key


def test_croatian_sum_without_comma_is_unread():
    assert recognise(HR.replace("5,00", "500")).total is None


def test_portuguese_invoice_without_atcud_uses_its_number():
    assert recognise(PT.replace("H:ABCDEFGH-0456", "H:0")).key == "123456789:FS 7/456"


@pytest.mark.parametrize(
    ("utc", "wall"),
    [
        ("2025-03-30T00:59:59Z", "2025-03-30T01:59:59"),
        ("2025-03-30T01:00:00Z", "2025-03-30T03:00:00"),
        ("2025-10-26T00:59:59Z", "2025-10-26T02:59:59"),
        ("2025-10-26T01:00:00Z", "2025-10-26T02:00:00"),
        ("2026-12-31T23:30:00Z", "2027-01-01T00:30:00"),
    ],
)
def test_utc_becomes_central_european_time(utc, wall):
    link = ME.replace("2026-07-11T15:51:04+02:00", quote(utc))

    assert recognise(link).at.isoformat() == wall
