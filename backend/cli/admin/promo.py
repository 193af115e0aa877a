"""`scanback promo`: promo codes that a brand issues in bulk."""

import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import click

from backend.cli.admin import operation, row_lookup
from backend.cli.admin.progress import progress_bar
from backend.core.db.database import Database
from backend.core.settings import Settings
from backend.earning.promocodes.issues import generation as code_generation
from backend.earning.promocodes.issues import service as issues
from backend.earning.promocodes.issues.schemas import PromoCodeBatchIn, PromoCodeBatchOut
from backend.earning.promocodes.issues.service import IssueWithCampaign

in_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")


@click.group()
def promo() -> None:
    """Issue promo codes in bulk, and export them to a file."""


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
    """Create promo codes of a campaign. After an interruption the worker continues."""
    request = operation.parse_request(PromoCodeBatchIn, campaign=campaign, count=count, length=length, prefix=prefix)
    key = key or uuid.uuid4()

    async def make(settings: Settings, db: Database) -> PromoCodeBatchOut:
        async with db.begin() as session:
            brand = await row_lookup.find_brand(session, of_brand)
            ordered = await issues.order_issue(session, settings, brand.id, key, request.order)
        return await _generate_codes(settings, db, ordered)

    try:
        made = operation.run_with_database(make)
    except KeyboardInterrupt as error:
        raise click.ClickException(f"Interrupted. The worker goes on; --id {key} shows how far it is.") from error
    if made.problem:
        raise click.ClickException(made.problem)
    operation.print_result(made, f"{made.id}  {made.done:,} codes", as_json=as_json)


@promo.command()
@click.argument("issue_id")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="A CSV file to write.")
@in_json
def codes(issue_id: str, out: Path, *, as_json: bool) -> None:
    """Write the codes of a finished issue with their links. The file contains the codes: keep it secret."""

    async def write(settings: Settings, db: Database) -> int:
        async with db.begin() as session:
            brand_id, key = await row_lookup.find_issue(session, issue_id)
            exported = await issues.start_download(session, brand_id, key)
        await _write_file(out, issues.csv_lines(db, exported, settings.base_url))
        return exported.count

    try:
        count = operation.run_with_database(write)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}.") from error
    operation.print_result(
        {"id": issue_id, "codes": count, "file": str(out)}, f"{count:,} codes: {out}", as_json=as_json
    )


async def _generate_codes(settings: Settings, db: Database, ordered: IssueWithCampaign) -> PromoCodeBatchOut:
    """Generate the codes as the worker does, whether it runs or not, and show the progress."""
    found, campaign = ordered
    with progress_bar() as shown:
        task = shown.add_task("codes", total=found.count, completed=found.done)
        more = True
        while more:
            async with db.begin() as session:
                more = await code_generation.generate_part(session, found.id, settings.forbidden_words)
                found, _ = await issues.get_issue(session, found.brand_id, found.key)
            shown.update(task, completed=found.done)
    return PromoCodeBatchOut.of(found, campaign)


async def _write_file(path: Path, pieces: AsyncIterator[bytes]) -> None:
    """Write a file for this user only, and rename it to its name once it is complete."""
    partial = path.with_name(path.name + ".partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        async for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
