"""`scanback openapi`: the committed description of the API, written anew or held against the code."""

import difflib
from pathlib import Path

import click

from backend.app import description

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"


@click.command()
@click.option("--check", is_flag=True, help="Only see whether the committed description is what the code says.")
def openapi(*, check: bool) -> None:
    """Write openapi/openapi.json from the code."""
    now = description()
    before = COMMITTED.read_text("utf-8") if COMMITTED.exists() else ""
    if now == before:
        return
    if check:
        raise click.ClickException(
            f"{COMMITTED.name} is not what the code says; run `scanback openapi`.\n{_drift(before, now)}"
        )
    COMMITTED.parent.mkdir(exist_ok=True)
    COMMITTED.write_text(now, "utf-8")
    click.echo(f"Written: {COMMITTED}")


def _drift(before: str, now: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), "committed", "code", n=1, lineterm="")
    return "\n".join(list(lines)[:40])
