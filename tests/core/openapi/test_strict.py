"""What a route's description does not name is refused, and what breaks a decoder is the caller's mistake."""

import uuid
from typing import Any

import msgspec
import pytest
from httpx2 import AsyncClient, Response

from tests.core.openapi.test_document import OPERATIONS, examples
from tests.make import World, bearer


async def post(world: World, path: str, body: bytes, media: str = "application/json") -> Response:
    headers = bearer(await world.account()) | {"Content-Type": media}
    return await world.client.post(path, content=body, headers=headers)


def queue(text: Any = "x", **fields: Any) -> bytes:
    return msgspec.json.encode({"scans": [{"id": str(uuid.UUID(int=7)), "text": text} | fields]})


async def test_unknown_query_parameter_is_refused_by_name(world: World):
    response = await world.client.get("/v1/wallets?limt=5", headers=bearer(await world.account()))

    assert response.status_code == 400
    assert response.json()["errors"] == [{"field": "limt", "detail": "no such query parameter"}]


async def test_known_query_parameter_is_accepted(world: World):
    response = await world.client.get("/v1/wallets?limit=5", headers=bearer(await world.account()))

    assert response.status_code == 200


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
async def test_body_without_json_media_type_is_refused(world: World, media: str):
    response = await post(world, "/v1/scans/batch", queue(), media)

    assert response.status_code == 415
    assert response.json()["code"] == "unsupported"


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON"])
async def test_media_type_is_parsed_by_http_rules(world: World, media: str):
    response = await post(world, "/v1/scans/batch", queue(), media)

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (queue(text=1), "scans[0].text"),
        (queue(taken_at=0), "scans[0].taken_at"),
        (queue(taken_at="2026-11-22T10:00:00"), "scans[0].taken_at"),
        (queue(text=""), "scans[0].text"),
        (queue(text="a\0b"), "scans[0]"),
        (queue(more=1), "scans[0]"),
        (b'{"scans": [{"id": "1", "text": "x"}]}', "scans[0].id"),
        (b'{"scans": 1e400}', "scans"),
        (b'{"scans": ' + b"9" * 5000 + b"}", "scans"),
        (b"[]", ""),
        (b"null", ""),
        (b"", "data"),
        (b"{", ""),
        (b'{"scans": [{"text": "\\ud800"}]}', ""),
        (b'{"scans": [{"text": "\xff\xfe"}]}', ""),
        (b"[" * 100_000, ""),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_invalid_body_is_rejected_with_its_field(world: World, body: bytes, field: str):
    response = await post(world, "/v1/scans/batch", body)

    assert response.status_code == 400, response.text
    problem = response.json()
    assert problem["code"] == "validation_failed"
    assert problem["errors"][0]["field"] == field
    assert problem["errors"][0]["detail"]


async def test_deeply_nested_body_with_additional_fields_is_refused(world: World):
    deep = b'{"x":' * 100_000 + b"1" + b"}" * 100_000

    response = await post(world, "/v1/passkeys", deep)

    assert response.status_code == 400


async def test_number_in_a_string_is_rejected(world: World):
    staff = await world.staff()
    programme = await world.programme(await world.brand_of(staff))
    body = {"name_ru": "Осень", "programme_id": str(programme.id), "starts_at": "2026-11-22T10:00:00Z", "rule": {}}

    response = await staff.put("/v1/console/campaigns/autumn", body)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "programme_id"


async def test_options_is_refused_with_allowed_methods(world: World):
    response = await world.client.options("/v1/me")

    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET"


async def test_body_over_limit_is_refused(world: World):
    response = await post(world, "/v1/scans/batch", b'{"scans": "' + b"x" * 9_000_000 + b'"}')

    assert response.status_code == 413


@pytest.mark.parametrize("name", OPERATIONS)
async def test_every_route_rejects_unknown_parameters_before_authentication(client: AsyncClient, name: str):
    method, path = name.split()
    for parameter in OPERATIONS[name].get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(examples(parameter)[0]))

    response = await client.request(method, path, params={"unknown-parameter": "1"})

    assert response.status_code == 400, response.text
    assert response.json()["errors"][0]["field"] == "unknown-parameter"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"text": "a", "text": "b"}', "text"),
        (b'{"text": "a", "text": "a"}', "text"),
        (b'{"text" : "a","text":"b"}', "text"),
        (b'{"text": "a", "te\\u0078t": "b"}', "text"),
        (b'{"taken_at": null, "text": "a\\":", "taken_at": null}', "taken_at"),
    ],
)
async def test_key_that_is_repeated_is_refused(world: World, body: bytes, key: str):
    path = f"/v1/scans/{uuid.uuid4()}"
    headers = bearer(await world.account()) | {"Content-Type": "application/json"}

    response = await world.client.put(path, content=body, headers=headers)

    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, key)


@pytest.mark.parametrize(
    "body",
    [
        queue()[:-1] + b"," + queue()[1:],
        b'{"scans": [{"id": "00000000-0000-0000-0000-000000000007", "text": "x", "text": "y"}]}',
        b'{"scans": [' + b" " * 70_000 + b'{"id": "00000000-0000-0000-0000-000000000007", "text": "x", "text": "y"}]}',
    ],
    ids=["top", "nested", "large"],
)
async def test_repeated_key_in_a_struct_is_refused(world: World, body: bytes):
    response = await post(world, "/v1/scans/batch", body)

    assert (response.status_code, response.json()["errors"][0]["detail"]) == (400, "this key is there twice")


async def test_same_key_in_several_objects_is_accepted(world: World):
    body = msgspec.json.encode({"scans": [{"id": str(uuid.uuid4()), "text": '"text": "text":'} for _ in range(3)]})

    response = await post(world, "/v1/scans/batch", body)

    assert response.status_code == 200
