"""A print run: all that the bytes of a batch's files depend on, except the key. Pure."""

import hashlib
import re
from collections.abc import Iterator

import msgspec

from backend.core.http.errors import Invalid
from backend.core.settings import Settings
from backend.earning.packages.models import Batch
from backend.earning.packages.print_runs.labels import files
from backend.earning.packages.print_runs.labels.files import FilePart, PrintFormat
from backend.earning.packages.print_runs.labels.label_design import Label, LabelDesign, LabelRefused
from scanning.codes import package

TRIAL_KEY = bytes(16)  # the layout of a label does not depend on the key
CHUNK_CODES = 10_000  # the overhead of a cipher call is that of some hundred codes


class DesignRefused(Invalid):
    """These labels cannot be made: {why}"""

    code = "design_refused"


class LabelStyle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The style of a label, as in `LabelDesign`; sizes in millimetres."""

    name: str = ""
    sku: str = ""
    width_mm: float = 70.0
    height_mm: float = 37.0
    module_mm: float = 0.5
    columns: int = 0
    rows: int = 0
    cut_marks: bool = True
    dpi: int = 203


class PrintRun(msgspec.Struct, frozen=True):
    """The files of a batch in one format. The same run and key give the same bytes, also after interruptions."""

    kind: PrintFormat
    slot: int
    first_serial: int
    count: int
    stem: str
    address: str
    style: LabelStyle = msgspec.field(name="looks")  # the stored designs have this name

    @property
    def design(self) -> LabelDesign:
        return LabelDesign(**msgspec.structs.asdict(self.style))

    @property
    def parts(self) -> int:
        """The number of files."""
        return files.count_parts(self.kind, self.count, self.design)

    @property
    def fingerprint(self) -> str:
        """A hash that identifies this run and reveals nothing about its serials."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:32]

    def part(self, number: int) -> FilePart:
        """One of the files, counted from 1."""
        return files.file_part(self.kind, number, labels=self.count, design=self.design, stem=self.stem)

    def chunks(self, key: bytes, part: FilePart, first: int | None = None) -> Iterator[bytes]:
        """A file's bytes with the slot's key, from a position on if the format can be resumed."""
        return files.render_part(self.kind, part, self.labels(key, first or part.first, part.last), self.design)

    def labels(self, key: bytes, first: int, last: int) -> Iterator[Label]:
        """The labels at these positions."""
        for start in range(first, last + 1, CHUNK_CODES):
            count = min(CHUNK_CODES, last + 1 - start)
            codes = package.encode_many(key, self.slot, self.first_serial + start - 1, count)
            for position, code in enumerate(codes.astype(str).tolist(), start):
                yield Label(position, code, self.address + code)


def plan_run(kind: PrintFormat, batch: Batch, style: LabelStyle, settings: Settings) -> PrintRun:
    """A run for a batch of computed codes, checked by drawing its first label.

    Raises:
        DesignRefused: such a label cannot be made, with the reason.
    """
    if batch.slot is None or batch.first_serial is None:
        raise DesignRefused(why="the codes of this batch were printed elsewhere.")
    if kind is PrintFormat.CSV:
        style = LabelStyle()  # no label is drawn
    run = PrintRun(
        kind, batch.slot, batch.first_serial, batch.count, _file_stem(batch), f"{settings.code_host}/C/", style
    )
    try:
        trial = msgspec.structs.replace(run, count=1)
        for _ in trial.chunks(TRIAL_KEY, trial.part(1)):
            pass
    except LabelRefused as error:
        raise DesignRefused(why=str(error)) from error
    return run


def _file_stem(batch: Batch) -> str:
    """The start of the file names, from the batch's id, so that batches do not mix in a folder."""
    return re.sub(r"[^0-9a-f]", "", str(batch.key))[:12]
