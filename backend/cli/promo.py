"""`scanback promo`: promo codes that a brand issues in bulk."""

import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import click

from backend.cli import deed, named
from backend.cli.progress import bar
from backend.database import Database
from backend.promocodes import issues, issuing
from backend.promocodes.issue_schemas import IssueIn, IssueOut
from backend.promocodes.issues import Issue
from backend.settings import Settings

in_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


@click.group()
def promo() -> None:
    """Issue promo codes in bulk, and take them as a file."""


@promo.command()
@click.option("--brand", "of_brand", required=True, help="The brand's number or name.")
@click.option("--campaign", required=True, help="The campaign's key; its rule is for promo codes.")
@click.option("--count", type=int, required=True, help="How many codes.")
@click.option("--length", type=int, default=9, show_default=True, help="Symbols behind the prefix.")
@click.option("--prefix", default="", help="What all codes begin with.")
@click.option("--id", "key", type=click.UUID, help="The issue's id; the same again goes on where it was.")
@in_json
def issue(
    of_brand: str, campaign: str, count: int, length: int, prefix: str, key: uuid.UUID | None, *, as_json: bool
) -> None:
    """Make so many codes of a campaign. Interrupted, the worker goes on with them."""
    asked = deed.checked(IssueIn, campaign=campaign, count=count, length=length, prefix=prefix)
    key = key or uuid.uuid4()

    async def make(settings: Settings, db: Database) -> IssueOut:
        async with db.begin() as session:
            brand = await named.brand(session, of_brand)
            ordered = await issues.order(session, settings, brand.id, key, asked.wanted)
        return await _make(settings, db, ordered)

    try:
        made = deed.run_long(make)
    except KeyboardInterrupt as error:
        raise click.ClickException(f"Interrupted. The worker goes on; --id {key} shows how far it is.") from error
    if made.problem:
        raise click.ClickException(made.problem)
    deed.tell(made, f"{made.id}  {made.done:,} codes", as_json=as_json)


@promo.command()
@click.argument("issue_id")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A CSV file to write.")
@in_json
def codes(issue_id: str, out: Path, *, as_json: bool) -> None:
    """Write the codes of a finished issue with their links. Whoever has the file has the codes."""

    async def write(settings: Settings, db: Database) -> int:
        async with db.begin() as session:
            brand_id, key = await named.issue(session, issue_id)
            taken = await issues.take(session, brand_id, key)
        await _write(out, issues.lines(db, taken.id, settings.base_url))
        return taken.count

    try:
        count = deed.run_long(write)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}.") from error
    deed.tell({"id": issue_id, "codes": count, "file": str(out)}, f"{count:,} codes: {out}", as_json=as_json)


async def _make(settings: Settings, db: Database, ordered: Issue) -> IssueOut:
    """Do what the worker would, beside it or without it, and show how far it is."""
    found, campaign = ordered
    with bar() as shown:
        task = shown.add_task("codes", total=found.count, completed=found.done)
        more = True
        while more:
            async with db.begin() as session:
                more = await issuing.step(session, found.id, settings.forbidden_words)
                found, _ = await issues.get(session, found.brand_id, found.key)
            shown.update(task, completed=found.done)
    return IssueOut.of(found, campaign)


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> None:
    """Write a file that has its name only when it is whole, for this user alone."""
    partial = path.with_name(path.name + ".partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        async for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
