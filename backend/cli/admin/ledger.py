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

from backend.cli.server import environment
from backend.core.settings import Settings
from backend.core.storage.store import Files, create_store
from backend.operations import ledger_audit
from payouts import audit
from payouts.checkpoints import CheckpointHeader, TransactionStillOpen

WRONG = 1


@click.group()
def books() -> None:
    """Prove the books, and seal them."""


@books.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(*, as_json: bool) -> None:
    """Prove that wallets, movements, lots, accruals and seals agree. Prints the faults and exits with 1 if not."""
    with environment.installation() as settings, _open_files(settings) as files, _progress_bar() as progress:
        found = asyncio.run(ledger_audit.prove(settings, files, progress))
    if as_json:
        click.echo(msgspec.json.encode(asdict(found) | {"ok": not found.faults}))
    else:
        _print_proof(found)
    sys.exit(WRONG if found.faults else 0)


@books.command()
@click.option("--wait", default=30, show_default=True, help="Seconds to wait for transactions that still run.")
def seal(*, wait: int) -> None:
    """Seal all movements up to now, and store a copy of the seals in the object storage."""
    with environment.installation() as settings, _open_files(settings) as files:
        try:
            made = asyncio.run(ledger_audit.seal(settings, files, wait_seconds=wait))
        except TransactionStillOpen as error:
            raise click.ClickException(f"Nothing was sealed: {error}. Try again when it is over.") from error
    click.echo(_format_seals(made))


def _format_seals(seals: list[CheckpointHeader]) -> str:
    if not seals:
        return "Nothing new to seal."
    return f"Sealed {sum(seal.rows for seal in seals)} movements, up to number {seals[-1].upto}."


def _print_proof(found: audit.LedgerAudit) -> None:
    for warning in found.warnings:
        click.echo(f"Warning: {warning}", err=True)
    for fault in found.faults:
        click.echo(fault, err=True)
    verdict = f"{len(found.faults)} faults" if found.faults else "The books are right"
    click.echo(f"{verdict}: {found.movements} movements, {found.sealed} of them sealed, {found.seconds} s.")


@contextmanager
def _open_files(settings: Settings) -> Iterator[Files]:
    files = create_store(settings)
    try:
        yield files
    finally:
        files.close()


@contextmanager
def _progress_bar() -> Iterator[audit.Progress]:
    """A progress bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Proving the books", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
