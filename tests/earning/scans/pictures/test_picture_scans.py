"""Scanning pictures over HTTP: labels that the product made itself, and what hostile people send."""

import io
import uuid

import pytest
from httpx2 import Response
from PIL import Image, ImageFilter

from backend.earning.packages.print_runs.labels.label_design import Label, LabelDesign
from backend.earning.packages.print_runs.labels.label_picture import draw_label
from backend.identity.accounts.schemas import AccountCreated
from tests.make import World, bearer


def label(code: str) -> bytes:
    return draw_label(Label(1, code, f"HTTPS://SCANBACK.TEST/C/{code}"), LabelDesign(name="Розетка", sku="RA16-374"))


def photograph(png: bytes) -> bytes:
    """As a hurried phone sees it: turned, out of focus, compressed."""
    image = Image.open(io.BytesIO(png)).convert("RGB").rotate(9, expand=True, fillcolor="white")
    image = image.filter(ImageFilter.GaussianBlur(1.5))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=40)
    return out.getvalue()


def beside(*pngs: bytes) -> bytes:
    images = [Image.open(io.BytesIO(png)).convert("RGB") for png in pngs]
    sheet = Image.new("RGB", (sum(image.width + 40 for image in images), images[0].height + 40), "white")
    left = 20
    for image in images:
        sheet.paste(image, (left, 20))
        left += image.width + 40
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


async def send(world: World, account: AccountCreated, content: bytes, scan_id: uuid.UUID | None = None) -> Response:
    return await world.client.put(
        f"/v1/scans/{scan_id or uuid.uuid4()}", files={"file": ("photo", content)}, headers=bearer(account)
    )


async def test_photographed_label_is_credited(world: World):
    (code, *_) = await world.codes()
    account = await world.account()

    response = await send(world, account, photograph(label(code)))

    assert response.status_code == 200, response.text
    assert (response.json()["kind"], response.json()["status"], response.json()["amount"]) == (
        "package",
        "credited",
        100,
    )


async def test_repeated_picture_gets_first_response(world: World):
    (code, other, *_) = await world.codes()
    account, scan_id = await world.account(), uuid.uuid4()
    first = await send(world, account, label(code), scan_id)

    again = await send(world, account, label(code), scan_id)
    changed = await send(world, account, label(other), scan_id)

    assert again.json() == first.json()
    assert (changed.status_code, changed.json()["code"]) == (422, "body_changed")


async def test_all_codes_of_picture_are_handled(world: World):
    first, second, *_ = await world.codes()
    account = await world.account()

    answer = (await send(world, account, beside(label(first), label(second)))).json()

    assert answer["status"] == "credited"
    assert [other["status"] for other in answer["others"]] == ["credited"]
    assert (await world.home(account))["wallets"][0]["available"] == 200


async def test_picture_without_code_has_empty_result(world: World):
    account = await world.account()
    out = io.BytesIO()
    Image.new("RGB", (300, 300), "white").save(out, "PNG")

    answer = (await send(world, account, out.getvalue())).json()

    assert (answer["kind"], answer["status"], answer["reason"]) == ("unknown", "refused", "nothing_found")


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 415, "picture_kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "picture_kind"),
        (b"\xff\xd8\xff\xe0" + b"\x00" * 100, 422, "picture_broken"),
    ],
)
async def test_non_picture_is_refused(world: World, content: bytes, status: int, code: str):
    account = await world.account()

    response = await send(world, account, content)

    assert (response.status_code, response.json()["code"]) == (status, code)
