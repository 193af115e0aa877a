"""The form that scans a code, in a real browser."""

import io
import re

import pytest
import qrcode
from playwright.async_api import Browser, BrowserContext, expect

from tests.make import World
from tests.web.conftest import Visit

pytestmark = pytest.mark.browser
LIKE_A_RECOVERY_CODE = re.compile(r"^[0-9A-Z]{5}(-[0-9A-Z]{5,6}){3}$")


async def test_new_agent_types_a_code_and_sees_points(visit: Visit, world: World):
    (code, *_) = await world.codes()
    page = await visit.open("/")

    await page.get_by_label("Code from the label").fill(code.lower())
    await page.get_by_role("button", name="Claim").click()

    answer = page.get_by_role("status")
    await expect(answer).to_contain_text("Credited")
    await expect(answer).to_contain_text("100 points")
    await expect(answer).to_contain_text("Autumn: 100 points.")
    await expect(page.locator("#recovery-code")).to_have_text(LIKE_A_RECOVERY_CODE)
    await expect(page.locator("#balances")).to_contain_text("100 points")
    assert visit.complaints == []
    assert visit.strangers == []


async def test_picture_of_a_code_is_accepted(visit: Visit, world: World):
    (code, *_) = await world.codes()
    picture = io.BytesIO()
    qrcode.make(f"HTTPS://EX.RU/C/{code}").save(picture, format="PNG")
    page = await visit.open("/")

    await page.get_by_label("Take or choose a picture").set_input_files(
        {"name": "label.png", "mimeType": "image/png", "buffer": picture.getvalue()}
    )

    await expect(page.get_by_role("status")).to_contain_text("100 points")


async def test_account_survives_a_reload(visit: Visit, world: World):
    first, second, *_ = await world.codes()
    page = await visit.open("/")
    for number, code in enumerate([first, second], start=1):
        await page.get_by_label("Code from the label").fill(code)
        await page.get_by_role("button", name="Claim").click()
        await expect(page.locator("#balances")).to_contain_text(f"{number}00 points")

    await page.reload()

    await expect(page.locator("#balances")).to_contain_text("200 points")
    assert sum(url.endswith("/v1/accounts") for url in visit.asked) == 1


async def test_error_has_reason_and_typed_text_stays(visit: Visit, world: World):
    (code, *_) = await world.codes()
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    page = await visit.open("/")

    await page.get_by_label("Code from the label").fill(wrong)
    await page.get_by_label("Code from the label").press("Enter")

    await expect(page.get_by_role("status")).to_contain_text("A symbol is wrong.")
    await expect(page.get_by_label("Code from the label")).to_have_value(wrong)


async def test_offline_scan_is_retried_under_the_same_id(visit: Visit, context: BrowserContext, world: World):
    (code, *_) = await world.codes()
    page = await visit.open("/")
    await page.get_by_label("Code from the label").fill(code)
    await context.route("**/v1/scans/*", lambda route: route.abort())
    await page.get_by_role("button", name="Claim").click()
    await expect(page.get_by_role("status")).to_contain_text("Nothing is lost")

    await context.unroute("**/v1/scans/*")
    await page.get_by_role("button", name="Claim").click()

    await expect(page.get_by_role("status")).to_contain_text("100 points")
    scans = [url for url in visit.asked if "/v1/scans/" in url]
    assert len(scans) == 2
    assert len(set(scans)) == 1


async def test_erased_account_leaves_no_browser_data(visit: Visit, world: World):
    (code, *_) = await world.codes()
    page = await visit.open("/")
    await page.get_by_label("Code from the label").fill(code)
    await page.get_by_role("button", name="Claim").click()
    page.once("dialog", lambda dialog: dialog.accept())

    await page.get_by_role("button", name="Forget this account").click()

    await expect(page.locator("#wallet")).to_be_hidden()
    assert await page.evaluate("localStorage.length") == 0


async def test_language_switch_changes_page_and_responses(visit: Visit, world: World):
    (code, *_) = await world.codes()
    page = await visit.open("/")

    await page.get_by_role("link", name="Русский").click()
    await page.get_by_label("Код с этикетки").fill(code)
    await page.get_by_role("button", name="Получить").click()

    await expect(page.get_by_role("status")).to_contain_text("Осень: 100 баллов.")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Отсканируй код, увидь деньги")


async def test_label_page_claims_only_after_a_click(visit: Visit, world: World):
    (code, *_) = await world.codes()

    page = await visit.open(f"/C/{code}")

    await expect(page.get_by_label("Code from the label")).to_have_value(code)
    assert not [url for url in visit.asked if "/v1/" in url]
    await page.get_by_role("button", name="Claim").click()
    await expect(page.get_by_role("status")).to_contain_text("100 points")


async def test_form_without_javascript_is_disabled_with_reason(browser: Browser, live_url: str):
    context = await browser.new_context(java_script_enabled=False, locale="ru")
    page = await context.new_page()

    await page.goto(live_url)

    # Chromium does not render <noscript> when a test disables scripts, so the test reads its text content.
    assert "Этой форме нужен JavaScript" in await page.content()
    await expect(page.get_by_role("button", name="Получить")).to_be_disabled()
    await context.close()
