"""The stand-ins themselves: made receipts, faults by a seed, quotas, and their strictness about requests."""

import json
import math
from collections import Counter

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.cli.simulate import running
from backend.receipts.providers import fns_messages
from backend.simulators import book, faults, receipts_made
from backend.simulators.book import Book, Entry, Setup
from tests.receipts.providers.conftest import opened, question


def test_a_made_receipt_is_the_same_for_the_same_number_and_adds_up():
    receipts = [receipts_made.made(number) for number in range(1, 500)]

    assert receipts == [receipts_made.made(number) for number in range(1, 500)]
    assert len({(receipt["fiscalDriveNumber"], receipt["fiscalDocumentNumber"]) for receipt in receipts}) == 499
    assert all(sum(item["sum"] for item in receipt["items"]) == receipt["totalSum"] > 0 for receipt in receipts)


def test_a_made_receipt_holds_placeholders_where_people_would_be():
    text = json.dumps(receipts_made.made(1, sole_trader=True))

    assert all(placeholder in text for placeholder in receipts_made.PERSONAL)


def test_a_quarter_of_the_questions_fails_and_the_same_ones_each_time():
    def play(seed):
        return [faults.drawn("fns", f"a:{n}", 0, seed=seed, rate=0.25, kinds=None) for n in range(2000)]

    first = play(1)

    assert first == play(1) != play(2)
    assert 400 < len([fault for fault in first if fault]) < 600
    assert set(first) == {"", *faults.AT_RANDOM["fns"]}


def test_a_script_comes_before_chance_and_only_what_the_service_can_play():
    kept = Book(Setup())
    key = kept.put(Entry(receipts_made.made(1), script=["empty", "http_500"]))

    assert [kept.fault("fns", key) for _ in range(3)] == ["", "http_500", ""]
    assert kept.logs["fns"].faults == Counter(http_500=1)


@given(st.lists(st.floats(0, 10), max_size=30))
def test_the_fullest_second_is_found_wherever_it_begins(times):
    slowly = max((sum(begin <= time < begin + 1 for time in times) for begin in times), default=0)

    assert book.most_in_a_second(times) == slowly


async def test_a_quota_holds_in_every_sliding_second(simulators):
    simulators.set_up(per_second=3)
    receipt = simulators.put()

    async with opened("proverkacheka", simulators.url) as provider:
        answers = [await provider.ask(question(receipt)) for _ in range(40)]

    log = simulators.log("proverkacheka")
    results = Counter(answer.result for answer in answers)
    allowed = 3 * math.ceil(log["arrivals"][-1] - log["arrivals"][0] + 1e-9)
    assert 3 <= results["found"] <= allowed
    assert results["limit"] == log["refused_for_quota"] == 40 - results["found"]
    assert log["receipts"] == {f"{receipt['fiscalDriveNumber']}:{receipt['fiscalDocumentNumber']}": 40}


@pytest.mark.parametrize(
    "changed",
    [
        lambda body, headers: (body.replace(b"FiscalSign", b"Sign"), headers),
        lambda body, headers: (b"<a/>", headers),
        lambda body, headers: (b"none", headers),
        lambda body, headers: (body, headers | {"SOAPAction": "urn:Other"}),
        lambda body, headers: (body, headers | {"Content-Type": "application/json"}),
        lambda body, headers: (body, headers | {"FNS-OpenApi-UserToken": "not base64!"}),
        lambda body, headers: (body, headers | {"FNS-OpenApi-UserToken": "QUFB" * 41}),
    ],
)
def test_the_tax_service_is_strict_about_requests(simulators, changed):
    asked = question(receipts_made.made(1))
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": "urn:SendMessageRequest",
               "FNS-OpenApi-Token": "none", "FNS-OpenApi-UserToken": "QVBQ"}  # fmt: skip
    body, headers = changed(fns_messages.ticket_request(asked, asked.at), headers)

    url = f"{simulators.url}/open-api/ais3/KktService/0.1"
    answer = httpx2.post(url, content=body, headers=headers, trust_env=False)

    assert answer.status_code == 500
    assert "Внутренняя серверная ошибка" in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [("receipts", "{"), ("receipts", '{"receipt": {}}'), ("receipts", '{"receipt": {}, "script": ["flood"]}'),
     ("made", '{"count": "many"}')],
)  # fmt: skip
def test_the_desk_says_what_it_cannot_take(simulators, path, body):
    answer = simulators.http.post(f"/_simulator/{path}", content=body)

    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_the_desk_makes_receipts_up_and_keeps_its_setup(simulators):
    made = simulators.http.post("/_simulator/made", content='{"count": 3, "first": 7000}').json()
    simulators.set_up(seed=5, faults=0.5, kinds=["slow"])

    assert made["qr"] == [receipts_made.question_text(receipts_made.made(number)) for number in (7000, 7001, 7002)]
    assert simulators.http.get("/_simulator/setup").json()["kinds"] == ["slow"]
    assert simulators.http.put("/_simulator/setup", content='{"faults": 2}').status_code == 400


def test_the_command_sets_the_stand_ins_up():
    with running("--seed", "3", "--faults", "0.2", "--per-second", "5", "--per-day", "100", "--lag", "2") as url:
        setup = httpx2.get(f"{url}/_simulator/setup", trust_env=False).json()

    assert {name: setup[name] for name in ("seed", "faults", "per_second", "per_day", "lag")} == {
        "seed": 3, "faults": 0.2, "per_second": 5, "per_day": 100, "lag": 2,
    }  # fmt: skip
