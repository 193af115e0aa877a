"""Everything that the description of the API says is tried against a real server with generated requests."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from backend.database import Database
from tests.make import World, bearer

HERE = Path(__file__).parent
# `make fuzz` asks for a thousand a route.
EXAMPLES = os.environ.get("SCANBACK_EXAMPLES", "5")


async def test_no_generated_request_breaks_what_is_described(
    live_url: str, world: World, owner: Database, tmp_path: Path
):
    async with owner.begin() as session:
        # Ids that no generator hits by chance: it must not sign the caller's own device out.
        await session.execute(text("ALTER SEQUENCE devices_id_seq RESTART WITH 4711000111222"))
    account, staff = await world.account(), await world.staff()
    leaving, going = await world.account(), await world.staff()
    await world.codes()
    callers = {
        "AGENT_TOKEN": account.token,
        "STAFF_TOKEN": staff.token,
        "LEAVING_TOKEN": leaving.token,
        "GOING_TOKEN": going.token,
    }

    run = await asyncio.to_thread(_schemathesis, live_url, tmp_path, callers)

    assert run.returncode == 0, run.stdout[-60_000:]
    assert (await world.client.get("/v1/me", headers=bearer(account))).status_code == 200
    assert (await staff.get("/v1/staff/me")).status_code == 200


def _schemathesis(url: str, folder: Path, callers: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{url}/openapi.json", "--checks", "all", "--max-examples", EXAMPLES, "--max-response-time", "5"),
        *("--phases", "examples,coverage,fuzzing,stateful", "--continue-on-failure", "--no-color"),
    ]
    return subprocess.run(command, cwd=folder, env=os.environ | callers, capture_output=True, text=True, check=False)
