"""The API reference in a real browser without access to the network."""

import json

import pytest
from playwright.async_api import expect

from backend.app import description
from tests.web.conftest import Visit

pytestmark = pytest.mark.browser


async def test_reference_shows_all_operations_without_foreign_requests(visit: Visit):
    paths = json.loads(description())["paths"]

    page = await visit.open("/docs")

    headings = page.locator(".opblock-tag")
    await expect(headings).to_have_count(len({row["tags"][0] for path in paths.values() for row in path.values()}))
    shown = 0
    for place in range(await headings.count()):
        section = page.locator(".opblock-tag-section").nth(place)
        await headings.nth(place).click()
        await expect(section.locator(".opblock").first).to_be_visible()
        shown += await section.locator(".opblock").count()
        await headings.nth(place).click()
    assert shown == sum(map(len, paths.values()))
    assert visit.strangers == []
    assert visit.complaints == []


async def test_opened_operation_shows_example(visit: Visit):
    page = await visit.open("/docs#/Scans/put_scan")

    await expect(page.locator(".opblock.is-open")).to_contain_text("The outcome of a scan.")
    await expect(page.locator(".opblock.is-open .body-param__example, .opblock.is-open textarea").first).to_be_visible()
    # Swagger UI warns of each underscore in an operation id, for which it also tries a blank.
    assert [one for one in visit.complaints if "deep link whitespace" not in one] == []


async def test_type_of_problem_links_to_description(visit: Visit):
    page = await visit.open("/")
    problem = await page.evaluate("fetch('/v1/me').then((answer) => answer.json())")

    await visit.open(problem["type"])

    await expect(page.locator("tr:target")).to_contain_text(problem["detail"])
    await expect(page.locator("tr:target")).to_contain_text("401")
