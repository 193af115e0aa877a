"""Pages over HTTP: languages, headers, no side effects."""

import pytest
from httpx2 import AsyncClient
from sqlalchemy import text

from backend.core.http.errors import all_errors
from tests.make import World

PAGES = ["/", "/C/0A7K2M9XJ4T0C8WN", "/docs", "/docs/problems"]


@pytest.mark.parametrize("path", PAGES)
async def test_page_loads_only_own_origin_and_forbids_frames(client: AsyncClient, path: str):
    response = await client.get(path)

    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "http://" not in response.text.replace("http://scanback.test", "")
    assert "https://" not in response.text


@pytest.mark.parametrize("path", PAGES)
async def test_page_responds_to_head_without_body(client: AsyncClient, path: str):
    response = await client.head(path)

    assert response.status_code == 200
    assert response.content == b""


@pytest.mark.parametrize(
    ("path", "accepted", "expected"),
    [
        ("/", "ru-RU,ru;q=0.9", "ru"),
        ("/", "kk,ru;q=0.8,en;q=0.5", "ru"),
        ("/", "de", "en"),
        ("/?lang=ru", "en", "ru"),
        ("/?lang=en", "ru", "en"),
        ("/?lang=xx", "ru", "ru"),
    ],
)
async def test_page_has_the_readers_language(client: AsyncClient, path: str, accepted: str, expected: str):
    response = await client.get(path, headers={"Accept-Language": accepted})

    assert f'<html lang="{expected}">' in response.text
    assert response.headers["content-language"] == expected
    assert response.headers["vary"] == "Accept-Language"


@pytest.mark.parametrize("letter", ["C", "c"])
async def test_opening_a_label_address_claims_nothing(client: AsyncClient, world: World, letter: str):
    (code, *_) = await world.codes()

    for method in ("GET", "HEAD"):
        response = await client.request(method, f"/{letter}/{code}", headers={"Purpose": "prefetch"})
        assert response.status_code == 200

    answer = (await world.scan(await world.account(), code)).json()
    assert answer["status"] == "credited"


async def test_label_page_is_equal_for_all_codes(client: AsyncClient, world: World):
    (code, *_) = await world.codes()

    real = await client.get(f"/C/{code}")
    made_up = await client.get("/C/0000000000000000")

    assert real.text.replace(code, "X") == made_up.text.replace("0000000000000000", "X")


async def test_label_page_forbids_index_and_cache(client: AsyncClient):
    response = await client.get("/C/0A7K2M9XJ4T0C8WN")

    assert response.headers["x-robots-tag"] == "noindex, nofollow"
    assert response.headers["cache-control"] == "no-store"


async def test_code_in_address_is_escaped(client: AsyncClient):
    response = await client.get("/C/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")

    assert "<script>alert" not in response.text


async def test_address_with_long_code_is_refused(client: AsyncClient):
    response = await client.get("/C/" + "0" * 65)

    assert response.status_code == 400


@pytest.mark.parametrize("name", ["..%2Fhandlers.py", "handlers.py", "page.css.bak"])
async def test_only_known_assets_are_served(client: AsyncClient, name: str):
    response = await client.get(f"/assets/{name}")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


async def test_errors_are_described_at_their_type(client: AsyncClient):
    response = await client.get("/docs/problems", headers={"Accept-Language": "en"})

    for refusal in all_errors():
        assert f'id="{refusal.code}"' in response.text


async def test_unknown_address_is_refused_in_the_callers_language(client: AsyncClient):
    response = await client.get("/v1/nowhere", headers={"Accept-Language": "ru", "X-Request-ID": "abcdef0123456789"})

    assert response.status_code == 404
    assert response.json()["detail"] == "Здесь ничего нет."
    assert response.json()["request_id"] == "abcdef0123456789"


async def test_get_of_pages_writes_nothing(client: AsyncClient, world: World):
    for path in PAGES:
        await client.get(path)

    rows = await world.db.rows(text("SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM scans) AS many"))
    assert rows[0].many == 0
