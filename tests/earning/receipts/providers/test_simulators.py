"""The stand-ins themselves: made receipts, faults by a seed, quotas, and their strictness about requests."""

import json
import math
from collections import Counter

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.cli.server.simulate import run_simulators
from backend.earning.receipts.providers import fns_messages
from simulators import faults, state
from simulators.receipts import receipt_factory
from simulators.state import Setup, SimulatedReceipt, SimulatorState
from tests.earning.receipts.providers.conftest import opened, receipt_query


def test_generated_receipt_is_repeatable_and_adds_up():
    receipts = [receipt_factory.make_receipt(number) for number in range(1, 500)]

    assert receipts == [receipt_factory.make_receipt(number) for number in range(1, 500)]
    assert len({(receipt["fiscalDriveNumber"], receipt["fiscalDocumentNumber"]) for receipt in receipts}) == 499
    assert all(sum(item["sum"] for item in receipt["items"]) == receipt["totalSum"] > 0 for receipt in receipts)


def test_generated_receipt_has_placeholders_for_persons():
    text = json.dumps(receipt_factory.make_receipt(1, sole_trader=True))

    assert all(placeholder in text for placeholder in receipt_factory.PERSONAL)


def test_random_faults_have_rate_and_are_repeatable():
    def play(seed):
        return [faults.draw_fault("fns", f"a:{n}", 0, seed=seed, rate=0.25, kinds=None) for n in range(2000)]

    first = play(1)

    assert first == play(1) != play(2)
    assert 400 < len([fault for fault in first if fault]) < 600
    assert set(first) == {"", *faults.RANDOM_FAULTS["fns"]}


def test_script_precedes_random_faults_of_the_service():
    simulator = SimulatorState(Setup())
    key = simulator.put(SimulatedReceipt(receipt_factory.make_receipt(1), script=["empty", "http_500"]))

    assert [simulator.fault("fns", key) for _ in range(3)] == ["", "http_500", ""]
    assert simulator.logs["fns"].faults == Counter(http_500=1)


@given(st.lists(st.floats(0, 10), max_size=30))
def test_busiest_second_is_found_at_any_start(times):
    slowly = max((sum(begin <= time < begin + 1 for time in times) for begin in times), default=0)

    assert state.max_in_a_second(times) == slowly


async def test_quota_holds_in_every_sliding_second(simulators):
    simulators.set_up(per_second=3)
    receipt = simulators.put()

    async with opened("proverkacheka", simulators.url) as provider:
        answers = [await provider.find_receipt(receipt_query(receipt)) for _ in range(40)]

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
def test_simulated_tax_service_refuses_invalid_requests(simulators, changed):
    query = receipt_query(receipt_factory.make_receipt(1))
    headers = {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": "urn:SendMessageRequest",
        "FNS-OpenApi-Token": "none",
        "FNS-OpenApi-UserToken": "QVBQ",
    }
    body, headers = changed(fns_messages.ticket_request(query, query.at), headers)

    url = f"{simulators.url}/open-api/ais3/KktService/0.1"
    answer = httpx2.post(url, content=body, headers=headers, trust_env=False)

    assert answer.status_code == 500
    assert "Внутренняя серверная ошибка" in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("receipts", "{"),
        ("receipts", '{"receipt": {}}'),
        ("receipts", '{"receipt": {}, "script": ["flood"]}'),
        ("made", '{"count": "many"}'),
    ],
)
def test_control_endpoints_refuse_invalid_bodies(simulators, path, body):
    answer = simulators.http.post(f"/_simulator/{path}", content=body)

    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_control_endpoints_generate_receipts_and_keep_setup(simulators):
    made = simulators.http.post("/_simulator/made", content='{"count": 3, "first": 7000}').json()
    simulators.set_up(seed=5, faults=0.5, kinds=["slow"])

    assert made["qr"] == [
        receipt_factory.qr_text(receipt_factory.make_receipt(number)) for number in (7000, 7001, 7002)
    ]
    assert simulators.http.get("/_simulator/setup").json()["kinds"] == ["slow"]
    assert simulators.http.put("/_simulator/setup", content='{"faults": 2}').status_code == 400


def test_command_options_configure_simulators():
    with run_simulators("--seed", "3", "--faults", "0.2", "--per-second", "5", "--per-day", "100", "--lag", "2") as url:
        setup = httpx2.get(f"{url}/_simulator/setup", trust_env=False).json()

    assert {name: setup[name] for name in ("seed", "faults", "per_second", "per_day", "lag")} == {
        "seed": 3,
        "faults": 0.2,
        "per_second": 5,
        "per_day": 100,
        "lag": 2,
    }
