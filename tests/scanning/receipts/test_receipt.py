import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from scanning import payload
from scanning.problem import IncompleteLink, ReceiptProblem
from scanning.receipts import receipt
from scanning.receipts.receipt import Receipt
from tests.scanning.codes.marking_spellings import layout

FN = "7281440500751551"
TEXT = f"t=20240917T1801&s=1285.21&fn={FN}&i=30526&fp=1168453787&n=1"
BOUGHT = Receipt(at=datetime(2024, 9, 17, 18, 1), total=128521, fn=FN, fd=30526, fp=1168453787, operation=1)  # noqa: DTZ001
OTHER = TEXT.replace("i=30526", "i=30527")

EGAIS = "http://check.egais.ru?id=0b1c2d3e&dt=1709241801&cn=020000123456"
PAYMENT = "https://qr.nspk.ru/AS10000000000000000000000000000A?type=01&bank=100000000007&crc=0C8A"
SELF_EMPLOYED = "https://lknpd.nalog.ru/api/v1/receipt/123456789012/20abcdef01/print"
MARKING = "\x1d0104600439931256215a'b\x1d93abcd"
ADVERT = "https://shop.example/card?t=1&s=2&utm=receipt"

# The expected errors of the invented samples; those that are not listed are read.
REFUSED = {
    "t=20200102T1617&s=141.56&fn=7882000100181230&i=12345&fp=9876543210&n=1": "fp_invalid",
    "t=20200115T2110&fn=1234567890123456&i=12345&fp=1234567890&n=1": "sum_invalid",
    "t=20200115T2110&s=1030.00&fn=1234567890123456&i=12345&fp=1234567890&n=bad": "operation_invalid",
    "t=20200115T2110&s=1030.00&fn=1234567890123456&i=12345&fp=bad": "fp_invalid",
    "t=20200115T2110&s=1030.00&fn=1234567890123456&i=bad": "fd_invalid",
    "t=20200115T2110&s=1030.00=20&fn=1234567890123456&i=12345&fp=1234567890&n=1": "sum_invalid",
    "t=20201226T121800&s=551.89&i=12345&fn=1234567890123456&n=1": "fp_invalid",
    "t=20201226T121800&s=55189&i=12345&fn=1234567890123456&n=1": "fp_invalid",
    "t=20230101T0000&fn=0&fd=0&fp=0&i=0&n=0&s=0": "fn_invalid",
    "t=20260525T1200&s=123.45&fn=1&i=2&fp=3&n=1": "fn_invalid",
    "t=20260525T1200&s=150.00&fn=1&i=2&fp=3&n=1": "fn_invalid",
    "t=20260712T1200&s=123.45&fn=1&i=2&fp=3&n=1": "fn_invalid",
}


def samples(name: str) -> list[list[str]]:
    """The rows of a table of samples, which are outside the repository."""
    if "SCANBACK_SAMPLES" not in os.environ:
        pytest.skip("SCANBACK_SAMPLES names no folder")
    text = (Path(os.environ["SCANBACK_SAMPLES"]) / name).read_text("utf-8")
    return [line.split("\t") for line in text.splitlines()[1:]]


def code_of(text: str) -> str:
    with pytest.raises(ReceiptProblem) as refused:
        receipt.read(text)
    assert str(refused.value)
    return refused.value.code


def test_valid_sample_texts_are_read():
    texts = [text for kind, text, _ in samples("ru-qr-strings.tsv") if kind.startswith("real")]

    found = [receipt.read(text) for text in texts]

    assert len(found) == 53
    assert all(one.operation == 1 and len(one.fn) == 16 for one in found)
    # They include three spellings of one receipt, one with seconds.
    assert len({one.identity for one in found}) == 51


def test_other_sample_texts_have_expected_result():
    texts = [text for kind, text, _ in samples("ru-qr-strings.tsv") if kind == "synthetic"]

    found = {text: code_of(text) for text in texts if text in REFUSED}
    read = [receipt.read(text) for text in texts if text not in REFUSED]

    assert found == REFUSED
    assert {one.identity for one in read} == {"1234567890123456:12345"}


def test_sample_fields_typed_equal_qr_text():
    rows = samples("ru-requisites-quich-100.tsv")

    read = [receipt.read(f"t={t}&s={s}&fn={fn}&i={i}&fp={fp}&n={n}") for t, s, fn, i, fp, n in rows]
    typed = [receipt.typed(fn, i, fp, t, s, int(n)) for t, s, fn, i, fp, n in rows]

    assert len({one.identity for one in read}) == 100
    assert read == typed


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace("T1801", "t1801"),
        TEXT.replace("T1801", "T180100"),
        TEXT.replace("1285.21", "1285,21"),
        TEXT.replace("i=30526", "i=0000030526"),
        TEXT.removesuffix("&n=1"),
        TEXT + "&",
        TEXT + "&a=2&sfn=1&utm_fn=5",
        TEXT.upper(),
        TEXT.replace("&", " &"),
        TEXT.replace("=", " = "),
        TEXT.replace("&", "&amp;"),
        TEXT.replace("&", "&amp;amp;"),
        TEXT.replace("&", "%26"),
        TEXT.replace("&", "%26").replace("=", "%3D"),
        TEXT.replace("&", "%2526").replace("=", "%253D"),
        f"\ufeff{TEXT}\r\n",
        f"?{TEXT}",
        f"fp=1168453787&n=1&i=30526&fn={FN}&s=1285.21&t=20240917T1801",
        f"https://consumer.1-ofd.ru/v1?{TEXT}",
        f"https://check.ofd.ru/rec?{TEXT}#top",
        f"https://example.com/go?to=https%3A%2F%2Fcheck.ofd.ru%2Frec%3F{TEXT.replace('&', '%26').replace('=', '%3D')}",
        f"https://check.ofd.ru/rec/{FN}/30526/1168453787?t=20240917T1801&s=1285.21",
        f"https://check.ofd.ru/rec/{FN}/0000030526/1168453787/?t=20240917T1801&s=1285.21",
        f"https://example.com/#/check?{TEXT}",
        f"https://example.com/check#{TEXT}",
        f"{TEXT}{' ' * 400}",
        f"е=20240917Е1801?ы=1285ю21?ат={FN}?ш=30526?аз=1168453787?т=1",
        f"Е=20240917е1801?Ы=1285Ю21?АТ={FN}?Ш=30526?АЗ=1168453787?Т=1",
        f"е=20240917Е18017ы=1285ю217ат={FN}7ш=305267аз=11684537877т=1",
        f"t=20240917T18017s=1285.217fn={FN}7i=305267fp=11684537877n=1",
        f"t=20240917T1801?s=1285.21?fn={FN}?i=30526?fp=1168453787?n=1",
        f"реезыЖ..сруслющавюкг.кус,е=20240917Е1801?ы=1285ю21?ат={FN}?ш=30526?аз=1168453787?т=1",
        f"е=20240917Е1801?і=1285ю21?ат={FN}?ш=30526?аз=1168453787?т=1",
        layout(TEXT, "kk"),
        layout(f"https://consumer.1-ofd.ru/v1?{TEXT}", "kk"),
        layout(f"https://consumer.1-ofd.ru/v1?{TEXT}", "uk"),
        TEXT.replace("&", "\\u0026").replace("=", "\\u003d"),
        TEXT.replace("&", "&#38;").replace("=", "&#61;"),
        f"«{TEXT}»",
        f'"{TEXT}"',
        TEXT.replace("1285.21", "1 285.21"),
        f"\u202d{TEXT}\u202c",
        TEXT.translate({ord(digit): 0xFF10 + int(digit) for digit in "0123456789"}),
        f"https://check.ofd.ru/REC/{FN}/30526/1168453787?T=20240917T1801&S=1285.21",
        f"HTTPS://CHECK.OFD.RU/REC?{TEXT.upper()}",
    ],
)
def test_receipt_in_known_spelling_is_identical(text):
    assert receipt.read(text) == BOUGHT


@pytest.mark.parametrize("blank", ["\n", " ", "\r\n", "\u200b", "\u00a0"])
@pytest.mark.parametrize(
    "text", [TEXT, f"https://check.ofd.ru/rec?{TEXT}", TEXT.replace("&", "&amp;").replace("=", "%3D")]
)
def test_receipt_text_wrapped_anywhere_is_identical(text, blank):
    wrapped = [text[:place] + blank + text[place:] for place in range(len(text) + 1)]

    assert [receipt.read(one) for one in wrapped] == [BOUGHT] * len(wrapped)
    assert {payload.classify(one).kind for one in wrapped} == {"receipt"}


def test_identity_and_canonical_form():
    assert BOUGHT.identity == f"{FN}:30526"
    assert BOUGHT.canonical == TEXT


def test_canonical_form_omits_zero_seconds():
    whole, noughts, seconds = (receipt.read(TEXT.replace("T1801", at)) for at in ("T1801", "T180100", "T180120"))

    assert whole.canonical == noughts.canonical == TEXT
    assert seconds.canonical == TEXT.replace("T1801", "T180120")
    assert whole.identity == seconds.identity


@pytest.mark.parametrize(
    ("written", "kopecks"),
    [
        ("0.00", 0),
        ("0.10", 10),
        ("0,1", 10),
        ("7", 700),
        ("55189", 5518900),
        ("007.05", 705),
        ("2814749767106.55", 2**48 - 1),
    ],
)
def test_sums_are_kopecks(written, kopecks):
    assert receipt.read(TEXT.replace("1285.21", written)).total == kopecks


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("20240917T1801", "20240230T1801", "date_invalid"),
        ("20240917T1801", "20230229T1801", "date_invalid"),
        ("20240917T1801", "20240917T2400", "date_invalid"),
        ("20240917T1801", "20240917T1860", "date_invalid"),
        ("20240917T1801", "20240917T180160", "date_invalid"),
        ("20240917T1801", "20240917T18011", "date_invalid"),
        ("20240917T1801", "00000917T1801", "date_invalid"),
        ("20240917T1801", "202409171801", "date_invalid"),
        ("20240917T1801", "2024-09-17T18:01", "date_invalid"),
        ("t=20240917T1801&", "", "date_invalid"),
        ("1285.21", "", "sum_invalid"),
        ("1285.21", "1285.", "sum_invalid"),
        ("1285.21", ".21", "sum_invalid"),
        ("1285.21", "1285.210", "sum_invalid"),
        ("1285.21", "-1285.21", "sum_invalid"),
        ("1285.21", "1e3", "sum_invalid"),
        ("1285.21", "2814749767106.56", "sum_invalid"),
        ("1285.21", "١٢٨٥.٢١", "sum_invalid"),
        (FN, FN[:-1], "fn_invalid"),
        (FN, FN + "1", "fn_invalid"),
        (FN, FN[:-1] + "O", "fn_invalid"),
        (FN, FN[:-1] + "١", "fn_invalid"),
        (f"fn={FN}&", "", "not_fiscal"),
        ("i=30526", "i=0", "fd_invalid"),
        ("i=30526", "i=-1", "fd_invalid"),
        ("i=30526", "i=4294967296", "fd_invalid"),
        ("i=30526", "i=3052б", "fd_invalid"),
        ("i=30526", "I=٣٠", "fd_invalid"),
        ("i=30526", "fi=30526", "fd_invalid"),
        ("fp=1168453787", "fp=00000", "fp_invalid"),
        ("fp=1168453787", "fp=4294967296", "fp_invalid"),
        ("fp=1168453787", "fp", "fp_invalid"),
        ("n=1", "n=0", "operation_invalid"),
        ("n=1", "n=5", "operation_invalid"),
        ("n=1", "n=", "operation_invalid"),
        ("n=1", "n=1&n=1", "duplicate_key"),
        ("n=1", f"n=1&fn={FN}", "duplicate_key"),
        ("n=1", "n=1&T=20240917T1801", "duplicate_key"),
        ("n=1", "n=1&" + "x" * 300, "too_long"),
    ],
)
def test_invalid_receipt_text_has_error_code(old, new, code):
    assert old in TEXT
    assert code_of(TEXT.replace(old, new)) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_fiscal"),
        ("hello", "not_fiscal"),
        ("https://roofdecor.ru/", "not_fiscal"),
        ("https://proofd.com/", "not_fiscal"),
        ("http://check1.fsrar.ru?id=1", "egais_link"),
        (ADVERT, "not_fiscal"),
        ("https://shop.example/?t=1&t=2", "not_fiscal"),
        ("http://consumer.oofd.kz/?i=1734974179&f=010100465991&s=13507.0&t=20210922T224125", "not_fiscal"),
        (SELF_EMPLOYED, "self_employed_receipt"),
        (SELF_EMPLOYED.upper(), "self_employed_receipt"),
        (EGAIS, "egais_link"),
        (PAYMENT, "payment_link"),
        ("ST00012|Name=" + "X" * 400, "payment_link"),
        (MARKING, "marking_code"),
        (f"https://check.ofd.ru/rec/{FN}/30526/1168453787?t=1&s=1&fn={FN}", "duplicate_key"),
        ("x" * 301, "too_long"),
    ],
)
def test_similar_text_has_its_own_error(text, code):
    assert code_of(text) == code


@pytest.mark.parametrize(
    ("text", "code", "missing"),
    [
        (f"https://check.ofd.ru/rec/{FN}/30526/1168453787", "ofd_link_incomplete", ("t", "s")),
        ("https://receipt.taxcom.ru/v01/show?fp=1168453787&s=1285.21", "ofd_link_incomplete", ("t", "fn", "i")),
        ("https://receipt.taxcom.ru/v01/show?id=4ae13a87", "ofd_link_incomplete", ("t", "s", "fn", "i", "fp")),
        (f"https://lk.platformaofd.ru/web/noauth/cheque?fn={FN}&fp=11&i=30", "ofd_link_incomplete", ("t", "s")),
        ("https://ofd.yandex.ru/vaucher/0001234567012345/30526/1168453787", "ofd_link_incomplete", ("t", "s", "fn")),
        ("https://ofd-ya.ru/getFiscalDoc?kktRegId=1&fiscalSign=11", "ofd_link_incomplete", ("t", "s", "fn", "i")),
        (f"https://shop.example/receipt?fn={FN}&i=30526&t=20240917T1801", "incomplete_link", ("s", "fp")),
    ],
)
def test_incomplete_link_names_missing_fields(text, code, missing):
    with pytest.raises(IncompleteLink) as refused:
        receipt.read(text)

    assert (refused.value.code, refused.value.missing) == (code, missing)
    assert ", ".join(missing) in str(refused.value)


@pytest.mark.parametrize(
    ("now", "is_in_future"),
    [
        (datetime(2024, 9, 17, 6, 1, tzinfo=UTC), False),
        (datetime(2024, 9, 17, 6, 0, 59, tzinfo=UTC), True),
        (datetime(2024, 9, 17, 9, 1, tzinfo=timezone(timedelta(hours=3))), False),
        (datetime(2024, 9, 16, 18, 1, tzinfo=UTC), True),
    ],
)
def test_future_begins_after_latest_russian_time_zone(now, is_in_future):
    assert receipt.in_future(BOUGHT, now) is is_in_future


def test_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        receipt.in_future(BOUGHT, datetime(2024, 9, 17))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("texts", "index"),
    [
        ([], None),
        ([EGAIS, ADVERT, PAYMENT, MARKING, SELF_EMPLOYED], None),
        ([EGAIS, TEXT], 1),
        ([ADVERT, PAYMENT, TEXT, EGAIS], 2),
        ([TEXT, OTHER], 0),
        ([f"https://check.ofd.ru/rec/{FN}/30526/1168453787", OTHER], 1),
        ([TEXT.replace(FN, FN[:-1]), TEXT], 1),
        ([EGAIS, TEXT.replace(FN, FN[:-1])], 1),
        ([f"https://check.ofd.ru/rec/{FN}/1/2", TEXT.replace(FN, "7")], 1),
        ([ADVERT, f"https://check.ofd.ru/rec/{FN}/30526/1168453787"], 1),
    ],
)
def test_fiscal_receipt_is_chosen_of_several_codes(texts, index):
    assert receipt.choose(texts) == index
