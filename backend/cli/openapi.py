"""`scanback openapi`: the committed description of the API and docs/errors.md, written or compared with the code."""

import difflib
from pathlib import Path

import click

from backend import error_reference
from backend.app import description

ROOT = Path(__file__).parents[2]


@click.command()
@click.option("--check", is_flag=True, help="Only compare the committed files with the code.")
def openapi(*, check: bool) -> None:
    """Write openapi/openapi.json and docs/errors.md from the code."""
    for path, text in {"openapi/openapi.json": description(), "docs/errors.md": error_reference.page()}.items():
        _write_file(ROOT / path, text, check=check)


def _write_file(path: Path, text: str, *, check: bool) -> None:
    before = path.read_text("utf-8") if path.exists() else ""
    if text == before:
        return
    if check:
        raise click.ClickException(
            f"{path.name} differs from the code; run `scanback openapi`.\n{_text_diff(before, text)}"
        )
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    click.echo(f"Written: {path}")


def _text_diff(before: str, now: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), "committed", "code", n=1, lineterm="")
    return "\n".join(list(lines)[:40])
