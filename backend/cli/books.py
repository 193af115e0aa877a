"""`scanback books`: the proof of the books, and their seals."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backend import proof
from backend.cli import environment
from backend.files.store import Files, store
from backend.settings import Settings
from payouts import books as ledger_books
from payouts.seals import Seal, StillOpen

WRONG = 1


@click.group()
def books() -> None:
    """Prove the books, and seal them."""


@books.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(*, as_json: bool) -> None:
    """Prove that wallets, movements, lots, accruals and seals agree. Ends with 1 and says what is wrong if not."""
    with environment.installation() as settings, _files(settings) as files, _bar() as progress:
        found = asyncio.run(proof.prove(settings, files, progress))
    if as_json:
        click.echo(msgspec.json.encode(asdict(found) | {"ok": not found.faults}))
    else:
        _tell(found)
    sys.exit(WRONG if found.faults else 0)


@books.command()
@click.option("--wait", default=30, show_default=True, help="Seconds to wait for transactions that still run.")
def seal(*, wait: int) -> None:
    """Seal all movements up to now, and keep a copy of the seals in the object storage."""
    with environment.installation() as settings, _files(settings) as files:
        try:
            made = asyncio.run(proof.seal(settings, files, wait_seconds=wait))
        except StillOpen as error:
            raise click.ClickException(f"Nothing was sealed: {error}. Try again when it is over.") from error
    click.echo(_sealed(made))


def _sealed(made: list[Seal]) -> str:
    if not made:
        return "Nothing new to seal."
    return f"Sealed {sum(one.rows for one in made)} movements, up to number {made[-1].upto}."


def _tell(found: ledger_books.Proof) -> None:
    for fault in found.faults:
        click.echo(fault, err=True)
    verdict = f"{len(found.faults)} faults" if found.faults else "The books are right"
    click.echo(f"{verdict}: {found.movements} movements, {found.sealed} of them sealed, {found.seconds} s.")


@contextmanager
def _files(settings: Settings) -> Iterator[Files]:
    files = store(settings)
    try:
        yield files
    finally:
        files.close()


@contextmanager
def _bar() -> Iterator[ledger_books.Progress]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Proving the books", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
