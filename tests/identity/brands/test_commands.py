"""`scanback brand` and `scanback staff`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def scanback(settings, app):
    """Runs a command as a person would, on the database of the tests."""
    environ = {
        "DATABASE_URL": settings.database_url,
        "SCANBACK_MASTER_KEY": settings.master_key.hex(),
        "SCANBACK_PEPPER": settings.pepper.hex(),
        "SCANBACK_DATA": str(settings.data),
    }

    def run(*words, typed=""):
        return subprocess.run(
            [sys.executable, "-m", "backend.cli", *words],
            cwd=ROOT,
            env=environ,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


async def sign_in(client, email, password):
    return await client.post("/v1/staff/sessions", json={"email": email, "password": password})


async def test_command_creates_a_brand_and_its_owner(scanback, client):
    brand = json.loads(scanback("brand", "create", "Teplo", "--json").stdout)
    owner = json.loads(scanback("staff", "create", "Anna@teplo.example", "--brand", "Teplo", "--json").stdout)

    answer = (await sign_in(client, "anna@teplo.example", owner["password"])).json()

    assert (brand["name"], owner["role"]) == ("Teplo", "owner")
    assert (answer["brand_id"], answer["role"]) == (brand["id"], "owner")
    assert "Teplo" in scanback("brand", "list").stdout
    assert [row["id"] for row in json.loads(scanback("brand", "list", "--json").stdout)] == [brand["id"]]


async def test_password_from_stdin_is_not_printed(scanback, client):
    brand = json.loads(scanback("brand", "create", "Teplo", "--json").stdout)
    words = ("staff", "create", "boris@teplo.example", "--brand", str(brand["id"]), "--role", "analyst")

    made = scanback(*words, "--password-stdin", typed="nine warm radiators\n")

    assert (made.returncode, made.stdout) == (0, "boris@teplo.example signs in as analyst.\n")
    assert (await sign_in(client, "boris@teplo.example", "nine warm radiators")).status_code == 201


async def test_replaced_password_ends_sessions(scanback, client, world):
    anna = await world.staff(email="anna@teplo.example")

    result = json.loads(scanback("staff", "password", "anna@teplo.example", "--json").stdout)

    assert (await anna.get("/v1/staff/me")).status_code == 401
    assert (await sign_in(client, "anna@teplo.example", result["password"])).status_code == 201


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("brand", "create", "Teplo"), "Another brand has this name."),
        (("brand", "create", " "), "Expected `str` matching regex"),
        (("staff", "create", "anna@teplo.example", "--brand", "Teplo"), "it is in use already"),
        (("staff", "create", "boris@teplo.example", "--brand", "Svet"), "There is no such brand."),
        (("staff", "create", "boris", "--brand", "Teplo"), "Expected `str` matching regex"),
        (("staff", "password", "unknown@teplo.example"), "No member of staff has this e-mail."),
    ],
)
async def test_refusal_is_one_line_and_an_exit_code(scanback, world, words, said):
    await world.staff(await world.brand("Teplo"), email="anna@teplo.example")

    answer = scanback(*words)

    assert answer.returncode == 1
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
