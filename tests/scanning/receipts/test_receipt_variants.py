import string

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scanning import payload
from scanning.problem import FieldsInvalid, Problem, ReceiptProblem
from scanning.receipts import receipt
from scanning.receipts.receipt_typed import LARGEST_DOCUMENT
from tests.scanning.receipts.spellings import receipts, spellings

SIGNS = string.digits + string.ascii_letters + "&=?.,;%#/+:- \n\ufeff٠٣７аптеЕюЗО"


@given(st.data(), receipts)
@settings(max_examples=400)
def test_receipt_in_any_spelling_is_identical(data, written):
    text = data.draw(spellings(written))

    found = receipt.read(text)

    assert found == written
    assert (found.identity, found.total, found.fp) == (f"{written.fn}:{written.fd}", written.total, written.fp)
    assert payload.classify(text).kind == "receipt"
    assert receipt.choose(["https://example.com/", text]) == 1


@given(receipts)
def test_canonical_spelling_round_trips(written):
    found = receipt.read(written.canonical)

    assert found == written
    assert found.canonical == written.canonical


@given(receipts)
def test_typed_fields_are_same_receipt(written):
    # A number above any drive's, beside a tiny sign, counts as a typing error.
    assume(written.fd <= LARGEST_DOCUMENT or written.fp > LARGEST_DOCUMENT)
    rubles = f"{written.total // 100},{written.total % 100:02}"
    at = f"{written.at:%d.%m.}{written.at.year:04}{written.at: %H:%M:%S}"

    found = receipt.typed(written.fn, str(written.fd), str(written.fp), at, rubles, written.operation)

    assert found == written


@given(st.data(), receipts)
def test_spellings_share_identity_and_canonical_form(data, written):
    one, other = (receipt.read(data.draw(spellings(written))) for _ in range(2))

    assert one.identity == other.identity
    assert one.canonical == other.canonical


@given(st.data(), receipts)
@settings(max_examples=400)
def test_changed_digit_is_another_receipt(data, written):
    text = data.draw(st.just(written.canonical) | spellings(written))
    value = data.draw(st.sampled_from([written.fn, f"i={written.fd}&"]))
    assume(text.count(value) == 1)
    place = data.draw(st.sampled_from([place for place, sign in enumerate(value) if sign.isdigit()]))
    digit = data.draw(st.sampled_from(string.digits))
    assume(digit != value[place])
    text = text.replace(value, value[:place] + digit + value[place + 1 :])

    try:
        found = receipt.read(text)
    except Problem:
        return

    assert found.identity != written.identity


@given(st.data(), receipts)
@settings(max_examples=400)
def test_mutated_receipt_is_read_or_refused(data, written):
    text = data.draw(spellings(written))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 3))
        text = text[:start] + data.draw(st.text(SIGNS, max_size=3)) + text[end:]

    kind = payload.classify(text).kind
    try:
        found = receipt.read(text)
    except Problem:
        return

    assert kind == "receipt"
    assert receipt.read(found.canonical) == found


@given(st.text(max_size=400) | st.text("tsfnip=&0123456789.T", max_size=120))
def test_arbitrary_text_is_read_or_refused(text):
    code = None
    try:
        found = receipt.read(text)
    except ReceiptProblem as problem:
        found, code = None, problem.code

    assert code or receipt.read(found.canonical) == found


@given(st.lists(st.text(max_size=60), min_size=6, max_size=6))
def test_arbitrary_typed_fields_are_handled(fields):
    with pytest.raises(FieldsInvalid) as refused:
        receipt.typed(*fields[:5], operation=len(fields[5]) + 5)

    assert refused.value.faults[-1].field == "operation"


TEXT = "t=20240917T1801&s=1285.21&fn=9960440300123456&i=12345&fp=1234567890&n=1"
BREAKS = ["\n", "\x85", "\u2028", "\xad", "&nbsp;", "&#10;", "&#x0D;", "_x000D_", "\\n", "\\r\\n", "<br>", "%20"]


@pytest.mark.parametrize("sign", BREAKS)
def test_receipt_with_line_break_anywhere_is_identical(sign):
    for place in range(1, len(TEXT)):
        broken = TEXT[:place] + sign + TEXT[place:]
        assert receipt.read(broken) == receipt.read(TEXT), broken


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("&", "\n"),
        TEXT.replace("&", " "),
        TEXT.replace("&", "\\n"),
        TEXT.replace("&", "|"),
        TEXT + ".",
        f"QR: {TEXT}",
        f"Чек {TEXT}",
        TEXT.translate({sign: sign + 0xFEE0 for sign in range(33, 127)}),
        TEXT.replace("t=", "т=").replace("s=", "ѕ=").replace("i=", "і=").replace("fp=", "fр="),
    ],
)
def test_receipt_with_surrounding_text_is_identical(text):
    assert receipt.read(text) == receipt.read(TEXT)
    assert payload.classify(text).kind == "receipt"
