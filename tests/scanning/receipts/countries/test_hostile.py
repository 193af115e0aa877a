import csv
import itertools
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.problem import Problem
from scanning.receipts.countries import LONGEST, ForeignInvalid, recognise
from tests.scanning.receipts.countries import make
from tests.scanning.receipts.countries.test_recognise import GOOD

TEXTS = [*GOOD, make.german()]

# From the public file of samples: what each is, or why it is refused. Where ids were shortened, they don't fit.
SAMPLES = {
    "OFD consumer URL": ("010100465991:1734974179", "none"),
    "OFD soliq URL": ("LG420230638021:5240", "none"),
    "SUF URL": "field_invalid",
    "fiskalizimi URL": "field_invalid",
    "60 digits (ZOI)": ("a7e5f55e1dbb48b799268e1a6d8618a3", "none"),
    "60 digits (ZOI), second vector": ("34905bcff14b381039af2e9d7eee54bb", "none"),
    "RKSV R1": ("968935007593160625:DEMO-CASH-BOX426:776730", "needs_certificate"),
    "KassenSichV V0": ("2ddbd6b0df57a4d8c1e4578a89952922dfe979e94f5c7444192cf8d04e063127:160504", "signature_valid"),
    "QR fiscal (ATCUD)": ("123456789:ABCDEFGH-12345", "none"),
    "Verifactu": ("A86018322:FACT001:2025-10-01", "none"),
    "TicketBAI": ("TBAI-00000006Y-251019-btFpwP8dcLGAF-237", "none"),
    "KSeF code I": "test_system",
    "NFC-e v2": "check_failed",
    "CFDI": ("5555BFA3-7107-4715-A2E1-31F05E86961B", "none"),
    "ZATCA phase 1 (TLV 1-5)": ("1234567891:20210712T142509:100.00:15.00", "none"),
    "ZATCA phase 2 (TLV 1-9)": ("310461435700003:5MvfVfSXdRg821e8CA7lMVp7MKRxCaAYfGNotLyG5H8=", "none"),
    "e-Arsiv JSON": "field_invalid",
    "PRRO check URL": ("4001246197:UxI07gWmYOQ", "none"),
    "MEV URL": ("J403001576:135932:2024-01-17", "none"),
    "fiskalizacija URL": "field_invalid",
    "EFI URL": "field_invalid",
    "salyk URL": "field_invalid",
    "eTIMS URL": "field_invalid",
}
# The second of its kind.
SAMPLES_AGAIN = {
    "RKSV R1": ("359aff00:fiskaltrust5:ft0#1", "needs_certificate"),
    "Verifactu": ("89890001K:12345678-G33:2024-09-01", "none"),
}


def outcome(text):
    try:
        found = recognise(text)
    except ForeignInvalid as problem:
        return problem.code
    return found and (found.key, found.proof)


@pytest.mark.skipif("SCANBACK_SAMPLES" not in os.environ, reason="the samples are not part of the repository")
def test_public_samples_have_expected_result():
    path = Path(os.environ["SCANBACK_SAMPLES"]) / "foreign-qr-samples.tsv"
    rows = list(csv.DictReader(path.read_text().splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))

    seen = {}
    for row in rows:
        seen.setdefault(row["scheme"], []).append(outcome(row["sample"]))

    expected = {kind: [first] for kind, first in SAMPLES.items()}
    for kind, second in SAMPLES_AGAIN.items():
        expected[kind].append(second)
    assert seen == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ABCD-EFGH-JKMN-PQRS",
        "HTTPS://EX.RU/C/ABCDEFGHJKMNPQRS",
        "t=20260903T1412&s=1286.00&fn=9960440300123456&i=54813&fp=3906717812&n=1",
        "https://consumer.1-ofd.ru/v1?t=20260903T1412&s=1286.00&fn=9960440300123456&i=54813&fp=3906717812&n=1",
        "https://lknpd.nalog.ru/api/v1/receipt/123456789012/2000abcdef/print",
        "https://qr.nspk.ru/AS10003P3RH0LJ2A9ROO038L6NT5RU1M?type=01&bank=000000000001&sum=10000&cur=RUB&crc=F3D0",
        "0104600439931256215AB12C",
        "010460043993125621123456",
        "123456789012345678901234",
        "https://oofd.kz/",
        "https://consumer.oofd.kz/ticket/00e1568b-6ee4-4db0-b9a8-9efe2351c653",
        "https://www.gov.br/pt-br/busca?p=1234567890",
        "https://tax.salyk.kg/help?page=1&lang=ru",
        "https://mev.sfs.md/about/the/service/now",
        "https://evil.example/?next=https://consumer.oofd.kz/?i=1&f=2",
        "https://consumer.oofd.kz.evil.example/?i=1734000001&f=010100400001&s=1.0&t=20250922T224125",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "eyJhbGciOiJSUzI1NiJ9." + "W" * 40 + ".AAAA",
        '{"vkntckn":"3333333302","tarih":"2026-10-07"}',
        "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
        "A man, a plan, a canal: Panama and something more",
        "V-a-text-of-something-else-entirely-here",
        "9" * 59,
        "https://" + "a." * 1500 + "kz/?i=1",
        "A" * (LONGEST + 1),
    ],
    ids=itertools.count(),
)
def test_text_of_another_kind_is_no_receipt(text):
    assert recognise(text) is None


@pytest.mark.parametrize("text", ['{"ettn":' + "[" * 3900, '{"ettn":' + '{"a":' * 700], ids=["lists", "objects"])
def test_deeply_nested_json_is_refused(text):
    with pytest.raises(ForeignInvalid):
        recognise(text)


@pytest.mark.parametrize("text", TEXTS, ids=itertools.count())
def test_surrogate_or_control_character_is_handled(text):
    for character in "\ud800\x00\n\u0661\u200b\U0001f9fe":
        for place in (3, len(text) // 2, len(text) - 2):
            read(text[:place] + character + text[place:])


def read(text):
    """Whatever it is: a receipt in order, nothing, or a problem."""
    try:
        found = recognise(text)
    except Problem:
        return
    if found is not None:
        assert found.key
        assert found.key.isprintable()
        assert found.total is None or 0 <= found.total < 2**63
        assert found.at is None or found.at.tzinfo is None
        assert recognise(found.canonical).key == found.key


@given(st.sampled_from(TEXTS), st.data())
def test_mutated_foreign_receipt_is_read_or_refused(text, data):
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        piece = data.draw(st.text(max_size=6) | st.text("0123456789.,-+:;^*|_&=%?/TZ", max_size=12))
        text = text[:start] + piece + text[end:]

    read(text)


@given(st.text(max_size=200))
def test_arbitrary_foreign_text_is_read_or_refused(text):
    read(text)


@given(st.sampled_from(sorted({text[:40] for text in TEXTS})), st.text(max_size=120))
def test_text_after_receipt_start_is_read_or_refused(start, rest):
    read(start + rest)


@given(st.binary(max_size=900))
def test_bytes_in_serbian_link_are_read_or_refused(invoice):
    read(make.serbian_link(invoice + b"."))
