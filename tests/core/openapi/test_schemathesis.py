"""Generated requests of schemathesis against a real server, for the whole API description."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from tests.make import World, bearer

HERE = Path(__file__).parent
# `make fuzz` sends a thousand a route.
EXAMPLES = os.environ.get("SCANBACK_EXAMPLES", "5")


async def test_generated_requests_conform_to_description(live_url: str, world: World, tmp_path: Path):
    account, staff = await world.account(), await world.staff()
    other, leaving = await world.account(), await world.account()
    rival, going = await world.staff(), await world.staff()
    # The till that calls is not the one that the staff switch off.
    shop = await world.shop(staff.brand_id)
    till = (await world.till(shop=shop))["Authorization"].removeprefix("Bearer ")
    callers = {
        "AGENT_TOKEN": account.token,
        "STAFF_TOKEN": staff.token,
        "OTHER_TOKEN": other.token,
        "LEAVING_TOKEN": leaving.token,
        "RIVAL_TOKEN": rival.token,
        "GOING_TOKEN": going.token,
        "TILL_TOKEN": till,
    }
    programme = await world.programme(await world.brand_of(staff))
    product = await world.product(staff.brand_id)
    campaign = await world.campaign(programme)
    batch = await world.batch(programme, product)
    await world.scan(account, world.codes_of(batch)[0])
    ((shop_key,),) = await world.db.rows(text("SELECT key FROM brand_shops WHERE shop_id = :shop"), shop=shop.id)
    await staff.put(f"/v1/console/shops/{shop_key}/tills/first", {})
    await staff.put(f"/v1/console/shops/{shop_key}/cashiers/anna", {})
    await staff.ask("PUT", f"/v1/console/shops/{shop_key}/statements/1")
    await staff.put("/v1/console/webhooks/erp", {"url": "https://erp.example/"})
    delivery = (await staff.ask("POST", "/v1/console/webhooks/erp/tests")).json()
    (wallet,) = (await world.home(account))["wallets"]
    places = {
        "/v1/wallets": {"wallet_id": wallet["id"]},
        "/v1/console/programmes": {"key": programme.key},
        "/v1/console/campaigns": {"key": campaign.key},
        "/v1/console/products": {"sku": product.sku},
        "/v1/console/batches": {"key": str(batch.key)},
        "/v1/console/shops": {"key": shop_key, "till": "first", "cashier": "anna", "number": 1},
        "/v1/console/webhooks": {"key": "erp", "delivery_id": delivery["id"]},
        "/v1/till/statements": {"brand": staff.brand_id, "number": 1},
    }
    fields = {"programme_id": programme.id, "sku": product.sku}

    run = await asyncio.to_thread(_schemathesis, live_url, tmp_path, callers, places, fields)

    assert run.returncode == 0, run.stdout[-60_000:]
    # Had the callers been signed out on the way, the run would have been hollow.
    assert (await world.client.get("/v1/me", headers=bearer(account))).status_code == 200
    assert (await staff.get("/v1/staff/me")).status_code == 200
    assert (await world.client.get("/v1/till", headers={"Authorization": f"Bearer {till}"})).status_code == 200
    assert (await world.client.get("/v1/me", headers=bearer(leaving))).status_code == 401


def _schemathesis(
    url: str, folder: Path, callers: dict[str, str], places: dict[str, dict[str, object]], fields: dict[str, object]
) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{url}/openapi.json", "--checks", "all", "--max-examples", EXAMPLES, "--max-response-time", "5"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure", "--no-color"),
    ]
    environ = os.environ | callers
    environ |= {
        "SCHEMATHESIS_HOOKS": str(HERE / "hooks.py"),
        "SCANBACK_PLACES": json.dumps(places),
        "SCANBACK_FIELDS": json.dumps(fields),
    }
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
