"""`scanback batch export`: a batch's files for the print shop, in a folder of this machine."""

from pathlib import Path

import click
from sqlalchemy.ext.asyncio import AsyncSession

from backend.cli.admin import operation, row_lookup
from backend.cli.admin.progress import progress_bar
from backend.core.db import events
from backend.core.settings import Settings
from backend.earning.packages import export as files
from backend.earning.packages import slot_keys
from backend.earning.packages.export import FolderInUse, HandOverRecord
from backend.earning.packages.print_runs.labels.files import PrintFormat
from backend.earning.packages.print_runs.print_run import LabelStyle, PrintRun, plan_run
from local_postgres import data_folder

LOCK = ".lock"


@click.command()
@click.argument("batch_id")
@click.option(
    "--format", "kind", type=click.Choice([kind.value for kind in PrintFormat]), default="csv", show_default=True
)
@click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--name", help="Printed on labels; else the product's name, empty for none.")
@click.option("--sku", help="Printed on labels; else the product's SKU, empty for none.")
@click.option("--width", "width_mm", type=float, default=70.0, show_default=True, help="Of a label, mm.")
@click.option("--height", "height_mm", type=float, default=37.0, show_default=True, help="Of a label, mm.")
@click.option("--module", "module_mm", type=float, default=0.5, show_default=True, help="Of the QR code, mm.")
@click.option("--columns", type=int, default=0, help="Of a sheet; as many as fit if not given.")
@click.option("--rows", type=int, default=0, help="Of a sheet; as many as fit if not given.")
@click.option("--cut-marks/--no-cut-marks", default=True, show_default=True)
@click.option("--dpi", type=int, default=203, show_default=True, help="Of a label printer: 203, 300 or 600.")
@click.option("--json", "as_json", is_flag=True, help="Answer with the hand-over record in JSON.")
def export(
    batch_id: str, kind: str, folder: Path, *, name: str | None, sku: str | None, as_json: bool, **style: float | bool
) -> None:
    """Write a batch's files. After an interruption the same command continues, with the same bytes.

    The folder contains the secret codes, so only this user may read it. docs/print.md describes the print shop's part.
    """

    async def read(settings: Settings, session: AsyncSession) -> tuple[PrintRun, bytes, HandOverRecord]:
        settings.need_keys()
        batch, product = await row_lookup.find_batch(session, batch_id)
        texts = {"name": product.name_ru if name is None else name, "sku": product.sku if sku is None else sku}
        run = plan_run(PrintFormat(kind), batch, operation.parse_request(LabelStyle, **texts, **style), settings)
        about = HandOverRecord(str(batch.key), product.sku, run.kind, run.count, run.fingerprint)
        events.record(
            session, "batch.exported", brand_id=batch.brand_id, batch=str(batch.key), format=run.kind, codes=run.count
        )
        return run, await slot_keys.load_key(session, settings, run.slot), about

    run, key, about = operation.run_in_transaction(read)
    record = _write_files(run, key, folder, about)
    operation.print_result(record, f"{record.codes:,} codes in {len(record.files)} files: {folder}", as_json=as_json)


def _write_files(run: PrintRun, key: bytes, folder: Path, about: HandOverRecord) -> HandOverRecord:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = data_folder.lock(folder / LOCK)
        if lock is None:
            raise click.ClickException(f"Another export writes to {folder}.")
        with lock, progress_bar() as shown:
            task = shown.add_task(run.kind, total=run.count)
            return files.export_files(run, key, folder, about, lambda more: shown.update(task, advance=more))
    except FolderInUse as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{folder}: {error.strerror}. The same command goes on where it was.") from error
    except KeyboardInterrupt as error:
        raise click.ClickException("Interrupted. The same command goes on where it was.") from error
