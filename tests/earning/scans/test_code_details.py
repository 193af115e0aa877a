"""Responses have each code in printed form, its product, and its place in the picture."""

import uuid

import pytest
from PIL import Image
from sqlalchemy import text

from backend.earning.scans.code_details import human_readable
from scanning import payload
from scanning.codes import package
from tests.make import World, bearer
from tests.scanning.pictures import draw


def sheet(*codes: str) -> bytes:
    """The codes in a row, each in its own third."""
    page = Image.new("L", (1200, 500), 255)
    for place, code in enumerate(codes):
        drawn = draw.qr(f"HTTPS://EX.RU/C/{code}", module=6)
        page.paste(drawn, (40 + place * 400, 100))
    return draw.file(page)


async def send(world: World, account, content: bytes, scan_id: uuid.UUID | None = None):
    return await world.client.put(
        f"/v1/scans/{scan_id or uuid.uuid4()}", files={"file": ("p", content)}, headers=bearer(account)
    )


def by_code(answer: dict) -> dict[str, dict]:
    return {one["code"]: one for one in [answer, *answer["others"]]}


async def test_picture_codes_have_product_and_place(world: World):
    codes = await world.codes(3)
    other, account = await world.account(), await world.account()
    await world.scan(other, codes[1])

    answer = (await send(world, account, sheet(*codes))).json()

    found = by_code(answer)
    assert set(found) == {package.grouped(code) for code in codes}
    assert {one["product"]["sku"] for one in found.values()} == {answer["product"]["sku"]}
    assert found[package.grouped(codes[1])]["reason"] == "already_claimed"
    for place, code in enumerate(codes):
        position = found[package.grouped(code)]["place"]
        assert position["page"] == 1
        assert [round(x * 3 - 0.5) for x, _ in position["corners"]] == [place] * 4
        assert all(0.1 < y < 0.9 for _, y in position["corners"])


async def test_repeated_picture_has_same_codes(world: World):
    codes = await world.codes(2)
    account, scan_id, content = await world.account(), uuid.uuid4(), sheet(*codes)
    first = await send(world, account, content, scan_id)

    again = await send(world, account, content, scan_id)

    assert again.json() == first.json()


async def test_picture_repeated_over_limit_has_no_codes(world: World, number):
    (code, *_) = await world.codes()
    account, scan_id, content = await world.account(), uuid.uuid4(), sheet(code)
    first = (await send(world, account, content, scan_id)).json()
    number("pictures_per_minute", 0)

    again = (await send(world, account, content, scan_id)).json()

    assert again == {name: value for name, value in first.items() if name not in ("code", "place")}


async def test_typed_and_queued_codes_have_details(world: World):
    codes = await world.codes(2)
    account = await world.account()
    single = (await world.scan(account, codes[0])).json()
    scans = [{"id": str(uuid.uuid4()), "text": scanned} for scanned in (codes[1], codes[0][:-1] + "*", "IVAN7")]

    queue = await world.client.post("/v1/scans/batch", json={"scans": scans}, headers=bearer(account))

    assert (single["code"], single["product"]["sku"]) == (package.grouped(codes[0]), single["product"]["sku"])
    assert "place" not in single
    first, _, unknown = queue.json()["items"]
    assert first["code"] == package.grouped(codes[1])
    assert first["product"]
    assert unknown["code"] == "IVAN7"
    assert "product" not in unknown


async def test_product_name_is_in_callers_language(world: World):
    (code, *_) = await world.codes()
    await world.db.rows(text("UPDATE products SET name_ru = 'Розетка', name_en = 'Socket'"))
    account = await world.account()

    names = [
        (
            await world.client.put(
                f"/v1/scans/{uuid.uuid4()}",
                json={"text": code},
                headers=bearer(account) | {"Accept-Language": accepted},
            )
        ).json()["product"]["name"]
        for accepted in ("ru", "en")
    ]

    assert names == ["Розетка", "Socket"]


async def test_unissued_code_has_no_product(world: World):
    account = await world.account()
    made = await world.programme()
    batch = await world.batch(made, await world.product(made.brand_id), count=10)
    leaked = package.encode(package.slot_key(world.settings.master_key, batch.slot), batch.slot, 11)

    answer = (await world.scan(account, leaked)).json()

    assert answer["reason"] == "unknown_code"
    assert "product" not in answer


@pytest.mark.parametrize(
    ("scanned", "shown"),
    [
        ("0104600439931256215abcDEF1234xy\x1d93dGVz", "(01)04600439931256(21)5abcDEF1234xy"),
        ("4600439931256", "4600439931256"),
        ("96385074", "96385074"),
        ("HTTPS://EX.RU/P/SPRING", "SPRING"),
        ("HTTPS://EX.RU/G/MWJCHGZS6NR8Y97YYB4X", "…YB4X"),
        ("x" * 300, "x" * 100),
    ],
)
def test_code_is_shown_in_printed_form(scanned: str, shown: str):
    assert human_readable(payload.classify(scanned)) == shown


def test_receipt_has_no_printed_form():
    assert (
        human_readable(payload.classify("t=20240917T1801&s=1285.21&fn=7281440500751551&i=30526&fp=1168453787&n=1"))
        is None
    )
