"""Real receipts, read if SCANBACK_SAMPLES is set; their figures are checked independently of the reader."""

import csv
import json
import os
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from scanning.codes import product_code
from scanning.receipts import document, document_lines, personal
from scanning.receipts.document import DocumentUnreadable

SAMPLES = os.environ.get("SCANBACK_SAMPLES")
RECEIPTS = sorted((Path(SAMPLES) / "receipts").glob("*.json")) if SAMPLES else []

# Lines from the tests of a library, without the document's date and total.
NOT_RECEIPTS = "ofd-web_pyofd_2018.json"
# A misread page: a total of 2.30 for goods of 230 roubles.
DAMAGED = ("9286000100073944", "124327")

pytestmark = pytest.mark.skipif(not SAMPLES, reason="no real samples here")


def answers():
    for path in RECEIPTS:
        if path.name != NOT_RECEIPTS:
            raw = json.loads(path.read_text("utf-8"))
            yield from ((path.name, one) for one in (raw if isinstance(raw, list) else [raw]))


def plain(raw):
    """The object with the items, wherever it is."""
    if isinstance(raw, dict):
        if "items" in raw:
            return raw
        raw = list(raw.values())
    found = (plain(child) for child in raw) if isinstance(raw, list) else ()
    return next((one for one in found if one), None)


def kopecks(roubles):
    return int((Decimal(str(roubles)) * 100).to_integral_value(ROUND_HALF_UP))


def test_sample_receipts_are_read_with_exact_sums():
    count = 0
    for name, raw in answers():
        found, truth = document.read(raw), plain(raw)
        if "qr" in truth:
            assert found.total == kopecks(truth["qr"]["s"]), name
            assert [line.price for line in found.lines] == [kopecks(line["price"]) for line in truth["items"]]
        else:
            assert found.total == truth["totalSum"], name
            assert [line.sum for line in found.lines] == [line["sum"] for line in truth["items"]]
            assert [line.price for line in found.lines] == [line["price"] for line in truth["items"]]
        assert [line.quantity for line in found.lines] == [Decimal(str(line["quantity"])) for line in truth["items"]]
        count += 1
    assert count == 47


def test_only_misread_page_has_wrong_total():
    doubted = [found for _, raw in answers() if "sums_differ" in (found := document.read(raw)).warnings]

    assert [(found.fn, str(found.fd)) for found in doubted] == [DAMAGED]


def test_lines_of_incomplete_receipt_preserve_their_sums():
    count = 0
    for raw in json.loads((Path(SAMPLES) / "receipts" / NOT_RECEIPTS).read_text("utf-8")):
        truth = [(kopecks(item["sum_rub"]), Decimal(item["qty"])) for item in raw["items"]]

        read = document_lines.read(raw, sum(amount for amount, _ in truth))

        assert [(line.sum, line.quantity) for line in read.lines] == truth
        count += len(truth)
    assert count == 25


def test_sample_without_receipt_is_refused():
    for raw in json.loads((Path(SAMPLES) / "receipts" / NOT_RECEIPTS).read_text("utf-8")):
        with pytest.raises(DocumentUnreadable) as refused:
            document.read(raw)
        assert refused.value.code == "no_receipt"


def test_sample_files_with_several_receipts_are_read():
    path = next(path for path in RECEIPTS if path.name.startswith("fns-app-export"))

    assert len(document.read_many(json.loads(path.read_text("utf-8")))) == 4


def test_sample_names_prices_and_articles_match_table():
    with (Path(SAMPLES) / "names" / "receipt-lines.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    codes = {(row["file"], row["name"].strip()): row["gtin14"] or None for row in rows}
    seen = set()
    for name, raw in answers():
        for line, truth in zip(document.read(raw).lines, plain(raw)["items"], strict=True):
            printed = truth.get("name", truth.get("title")).strip()
            assert line.gtin == codes[name, printed]
            assert line.name == printed.replace("&quot;", '"').replace("&amp;", "&")
            assert (line.serial is None) == (line.gtin is None)
            seen.add(line.gtin)
    assert seen == {row["gtin14"] or None for row in rows}


def test_stripped_samples_are_the_same_documents():
    for name, raw in answers():
        stripped = personal.stripped(raw)
        assert document.read(stripped) == document.read(raw), name
        assert "redacted" not in json.dumps(stripped, ensure_ascii=False).replace('"address": "<redacted>"', "")


def test_sample_binary_code_is_read():
    assert product_code.read({"productCode": "450D043077195761"}) == ("04606203090785", None)
