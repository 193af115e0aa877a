"""Almost valid responses: the order of another reference, two orders, an unsafe link."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payouts.partners import generic, tango
from payouts.partners.exchange import Reply
from payouts.partners.supplier import PurchaseRequest, PurchaseResult
from tests.payouts.partners.conftest import opened
from tests.payouts.partners.scripted_server import http_reply, scripted_server

REQUEST = PurchaseRequest("order-1", "BOOKS", 100_050)
GENERIC = {
    "id": "A1",
    "reference": "order-1",
    "product": "BOOKS",
    "nominal": 100_050,
    "currency": "RUB",
    "code": "SECRET",
    "valid_until": "2027-12-31",
}
TREMENDOUS = {
    "id": "T1",
    "external_id": "order-1",
    "status": "EXECUTED",
    "rewards": [
        {
            "id": "R1",
            "value": {"denomination": 1000.5, "currency_code": "RUB"},
            "delivery": {"method": "LINK", "link": "https://reward.example.invalid/R1"},
        }
    ],
}
TANGO = {
    "referenceOrderID": "RA1",
    "externalRefID": "order-1",
    "utid": "BOOKS",
    "status": "COMPLETE",
    "denomination": {"value": 1000.50, "currencyCode": "RUB"},
    "reward": {"credentialList": [{"label": "Code", "value": "SECRET", "type": "text"}]},
}
LINK = "https://reward.example.invalid/R1"


def changed(order, path, value):
    """The order with one thing in it changed."""
    copy = json.loads(json.dumps(order))
    *way, last = path
    place = copy
    for step in way:
        place = place[step]
    place[last] = value
    return copy


async def bought_at(kind, *answers):
    async with scripted_server(*answers) as server, opened(kind, server.url) as supplier:
        return await supplier.place_order(REQUEST), server.requests


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["reference"], "order-2", "wrong_reference"),
        (["product"], "TOYS", "wrong_product"),
        (["nominal"], 100_051, "wrong_amount"),
        (["currency"], "USD", "wrong_currency"),
        (["code"], "", "bad_code"),
        (["code"], None, "bad_code"),
        (["code"], "x" * 2001, "bad_code"),
        (["code"], "a\x00b", "bad_code"),
        (["id"], "", "bad_reference"),
        (["id"], "x" * 121, "bad_reference"),
        (["nominal"], "100050", "garbage"),
        (["valid_until"], "soon", "garbage"),
    ],
)
async def test_mismatched_aggregator_order_is_not_sold(path, value, reason):
    bought, _ = await bought_at("generic", http_reply(changed(GENERIC, path, value), 201))

    assert (bought.result, bought.reason, bought.code) == ("unknown", reason, "")


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["external_id"], None, "wrong_reference"),
        (["rewards", 0, "value", "denomination"], 100_050, "wrong_amount"),
        (["rewards", 0, "value", "currency_code"], "USD", "wrong_currency"),
        (["rewards"], [], "garbage"),
        (["rewards"], TREMENDOUS["rewards"] * 2, "garbage"),
        (["status"], "NOVEL", "garbage"),
        (["status"], "CART", "pending"),
        (["rewards", 0, "delivery", "link"], "javascript:alert(1)", "bad_link"),
        (["rewards", 0, "delivery", "link"], "http://reward.example.invalid/", "bad_link"),
        (["rewards", 0, "delivery", "link"], "https://[", "bad_link"),
    ],
)
async def test_mismatched_tremendous_order_is_not_sold(path, value, reason):
    bought, _ = await bought_at("tremendous", http_reply({"order": changed(TREMENDOUS, path, value)}))

    assert (bought.result, bought.reason, bought.code) == ("unknown", reason, "")
    assert bought.reference == "T1"


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["externalRefID"], "order-2", "wrong_reference"),
        (["utid"], "TOYS", "wrong_product"),
        (["denomination", "value"], 1000.51, "wrong_amount"),
        (["denomination", "currencyCode"], "USD", "wrong_currency"),
        (["denomination"], None, "garbage"),
        (["reward"], None, "garbage"),
        (["reward", "credentialList"], [], "bad_code"),
        (["reward", "credentialList", 0, "value"], "a\nPIN: 1", "bad_code"),
        (["status"], "PENDING", "pending"),
    ],
)
async def test_mismatched_tango_order_is_not_sold(path, value, reason):
    bought, _ = await bought_at("tango", http_reply(changed(TANGO, path, value), 201))

    assert (bought.result, bought.reason, bought.code) == ("unknown", reason, "")


async def test_two_orders_under_one_reference_are_unknown():
    for kind, order in (("tremendous", TREMENDOUS), ("tango", TANGO)):
        async with (
            scripted_server(http_reply({"orders": [order, order]})) as server,
            opened(kind, server.url) as supplier,
        ):
            seen = await supplier.find_order(REQUEST)

        assert (seen.result, seen.reason) == ("unknown", "several_orders")


async def test_list_of_other_orders_is_unknown():
    for kind, order in (
        ("tremendous", changed(TREMENDOUS, ["external_id"], "x")),
        ("tango", changed(TANGO, ["externalRefID"], "x")),
    ):
        async with scripted_server(http_reply({"orders": [order]})) as server, opened(kind, server.url) as supplier:
            seen = await supplier.find_order(REQUEST)

        assert (seen.result, seen.reason) == ("unknown", "wrong_reference")


async def test_unavailable_link_leaves_order_unknown():
    shown = http_reply({"order": changed(TREMENDOUS, ["rewards", 0, "delivery"], {"method": "LINK"})}, 201)

    limited, _ = await bought_at("tremendous", shown, http_reply({}, 429))
    linked, requests = await bought_at("tremendous", shown, http_reply({"reward": {"id": "R1", "link": LINK}}))

    assert (limited.result, limited.reason) == ("unknown", "no_link")
    assert (linked.result, linked.code) == ("sold", LINK)
    assert requests[1].startswith(b"POST /api/v2/rewards/R1/generate_link ")


async def test_order_contains_no_personal_data():
    _, (tremendous,) = await bought_at("tremendous", http_reply({"order": TREMENDOUS}))
    _, (tango_,) = await bought_at("tango", http_reply(TANGO, 201))
    _, (generic_,) = await bought_at("generic", http_reply(GENERIC, 201))

    assert json.loads(tremendous.partition(b"\r\n\r\n")[2]) == {
        "external_id": "order-1",
        "payment": {"funding_source_id": "ACCOUNT"},
        "reward": {
            "value": {"denomination": 1000.5, "currency_code": "RUB"},
            "delivery": {"method": "LINK"},
            "recipient": {"name": "order-1"},
            "products": ["BOOKS"],
        },
    }
    assert json.loads(tango_.partition(b"\r\n\r\n")[2]) == {
        "customerIdentifier": "CUSTOMER",
        "accountIdentifier": "ACCOUNT",
        "externalRefID": "order-1",
        "utid": "BOOKS",
        "amount": 1000.5,
        "sendEmail": False,
    }
    assert generic_.startswith(b"PUT /aggregator/orders/order-1 ")
    assert json.loads(generic_.partition(b"\r\n\r\n")[2]) == {"product": "BOOKS", "nominal": 100_050, "currency": "RUB"}


async def test_several_credentials_are_shown_with_labels():
    credentials = [
        {"label": "Card", "value": "4111", "type": "text"},
        {"label": "PIN", "value": "12", "type": "text"},
        {"label": "Until", "value": "2028-01-31T00:00:00Z", "type": "date"},
    ]

    bought, _ = await bought_at("tango", http_reply(changed(TANGO, ["reward", "credentialList"], credentials), 201))

    assert (bought.result, bought.code, bought.valid_until) == ("sold", "Card: 4111\nPIN: 12", date(2028, 1, 31))


@pytest.mark.parametrize("word", ["has blanks", "x" * 61, "a\x00b", ""])
async def test_invalid_reason_is_replaced_by_status(word):
    bought, _ = await bought_at("generic", http_reply({"code": word}, 422))

    assert (bought.result, bought.reason) == ("refused", "http_422")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(GENERIC)), anything)
def test_any_aggregator_order_is_sold_only_as_requested(field, value):
    order = GENERIC | {field: value}

    bought = generic._purchase_result(Reply(200, "", json.dumps(order).encode(), None), REQUEST, None, buying=True)

    assert isinstance(bought, PurchaseResult)
    if bought.result == "sold":
        assert {name: order[name] for name in ("reference", "product", "nominal", "currency")} == {
            "reference": "order-1",
            "product": "BOOKS",
            "nominal": 100_050,
            "currency": "RUB",
        }
        assert bought.code == order["code"]


@given(st.sampled_from(sorted(TANGO)), anything)
def test_any_tango_order_is_sold_only_as_requested(field, value):
    order = TANGO | {field: value}

    bought = tango._purchase_result(Reply(201, "", json.dumps(order).encode(), None), REQUEST)

    if bought.result == "sold":
        assert order == TANGO | {"referenceOrderID": order["referenceOrderID"], "reward": order["reward"]}


@given(st.integers(1, 10**12))
async def test_face_value_survives_round_trip(nominal):
    wanted = PurchaseRequest("order-1", "BOOKS", nominal)
    sent = json.dumps(json.loads(json.dumps(nominal / 100)))
    order = changed(TANGO, ["denomination", "value"], float(sent))

    assert tango._purchase_result(Reply(201, "", json.dumps(order).encode(), None), wanted).result == "sold"
