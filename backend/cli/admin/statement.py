"""`scanback statement`: checks the file of a statement; needs no database and no network."""

import sys
from datetime import datetime
from pathlib import Path

import click
import msgspec

from payouts import statement as statements
from payouts.statement import CheckpointOut, StatementCheck, StatementFault

WRONG = 1
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class SealFile(msgspec.Struct):
    """A page of published seals."""

    items: list[CheckpointOut]


@click.group()
def statement() -> None:
    """Check a wallet's statement."""


@statement.command()
@click.argument("file", type=FILE)
@click.option(
    "--seals",
    "seal_files",
    type=FILE,
    multiple=True,
    help="Published seals: pages of /v1/seals, or the kept copies. May be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(file: Path, seal_files: tuple[Path, ...], *, as_json: bool) -> None:
    """Check a statement with its proof (`/v1/wallets/{id}/statement?proof=true`).

    Exits with 0 when it is right, with 1 when something in it was changed, with 2 when a file cannot be read.
    """
    try:
        read = statements.read_statement(file.read_bytes())
        published = (
            [seal for path in seal_files for seal in _parse_seals(path.read_text("utf-8"))] if seal_files else None
        )
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise click.UsageError(f"This cannot be read: {error}") from error
    found = statements.check_statement(read, published)
    if as_json:
        click.echo(msgspec.json.encode(_as_json(found, published)))
    else:
        _print_faults(found, published)
    sys.exit(WRONG if found.faults else 0)


def _parse_seals(content: str) -> list[CheckpointOut]:
    """Seals from a page of the API, or from a kept copy.

    Raises:
        ValueError: it is neither.
    """
    if content.lstrip().startswith("{"):
        return msgspec.json.decode(content, type=SealFile).items
    return [_parse_seal(line.split()) for line in content.splitlines() if line.strip()]


def _parse_seal(parts: list[str]) -> CheckpointOut:
    if len(parts) != 6:
        raise ValueError("a line of a copy of seals has six parts")
    upto, rows, previous, root, made, at = parts
    values = {"upto": int(upto), "rows": int(rows), "previous": previous, "root": root, "hash": made}
    return msgspec.convert(values | {"at": datetime.fromisoformat(at)}, CheckpointOut)


def _as_json(found: StatementCheck, published: list[CheckpointOut] | None) -> dict[str, object]:
    return {
        "ok": not found.faults,
        "rows": found.rows,
        "sealed": found.sealed,
        "held_against_published_seals": published is not None,
        "faults": [fault._asdict() for fault in found.faults],
    }


def _print_faults(found: StatementCheck, published: list[CheckpointOut] | None) -> None:
    for fault in found.faults:
        click.echo(_format_fault(fault), err=True)
    verdict = f"{len(found.faults)} faults" if found.faults else "The statement is right"
    click.echo(f"{verdict}: {found.rows} rows, {found.sealed} of them sealed.")
    if found.rows > found.sealed:
        click.echo(f"{found.rows - found.sealed} rows are not sealed yet. Take the statement again in some minutes.")
    if published is None:
        click.echo("It was not held against published seals: give --seals to prove that no history was rewritten.")


def _format_fault(fault: StatementFault) -> str:
    return f"{fault.code}: {fault.text}"
