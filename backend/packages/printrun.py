"""A batch as it goes to a print shop: all that its files' bytes depend on, but for the key. Pure."""

import hashlib
import re
from collections.abc import Iterator

import msgspec

from backend.errors import Invalid
from backend.packages.labels import files
from backend.packages.labels.design import Label, LabelDesign, LabelRefused
from backend.packages.labels.files import Format, Part
from backend.packages.models import Batch
from backend.packages.service import slot_key
from backend.settings import Settings
from scanning import package

AT_ONCE = 10_000  # codes; a call of the cipher costs as much as some hundred codes


class DesignRefused(Invalid):
    """These labels cannot be made: {why}"""


class Looks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a label shall look like; sizes in millimetres, as `LabelDesign` has them."""

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
    """The files of a batch in one format. The same run and key give the same bytes, however often it is broken off."""

    kind: Format
    slot: int
    first_serial: int
    count: int
    stem: str
    address: str
    looks: Looks

    @property
    def design(self) -> LabelDesign:
        return LabelDesign(**msgspec.structs.asdict(self.looks))

    @property
    def parts(self) -> int:
        """How many files there are."""
        return files.count_parts(self.kind, self.count, self.design)

    @property
    def fingerprint(self) -> str:
        """Tells this run from any other, and nothing about its serials."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:32]

    def part(self, number: int) -> Part:
        """One of the files, counted from 1."""
        return files.part(self.kind, number, labels=self.count, design=self.design, stem=self.stem)

    def chunks(self, key: bytes, part: Part, first: int | None = None) -> Iterator[bytes]:
        """A file's bytes under the slot's key; or those from a position on where the format can be gone on with."""
        return files.render(self.kind, part, self.labels(key, first or part.first, part.last), self.design)

    def labels(self, key: bytes, first: int, last: int) -> Iterator[Label]:
        """The labels at these positions."""
        for start in range(first, last + 1, AT_ONCE):
            count = min(AT_ONCE, last + 1 - start)
            codes = package.encode_many(key, self.slot, self.first_serial + start - 1, count)
            for position, code in enumerate(codes.astype(str).tolist(), start):
                yield Label(position, code, self.address + code)


def plan(kind: Format, batch: Batch, looks: Looks, settings: Settings) -> PrintRun:
    """A run for a batch of computed codes, tried on its first label.

    Raises:
        DesignRefused: a label can't be made like this; it says why.
    """
    if batch.slot is None or batch.first_serial is None:
        raise DesignRefused(why="the codes of this batch were printed elsewhere.")
    if kind is Format.CSV:
        looks = Looks()  # no label is drawn
    run = PrintRun(kind, batch.slot, batch.first_serial, batch.count, _stem(batch), f"{settings.code_host}/C/", looks)
    try:
        one = msgspec.structs.replace(run, count=1)
        for _ in one.chunks(slot_key(settings.master_key, batch.slot), one.part(1)):
            pass
    except LabelRefused as error:
        raise DesignRefused(why=str(error)) from error
    return run


def _stem(batch: Batch) -> str:
    """What the files are called: by the batch's id, so that two batches never mix in a folder."""
    return re.sub(r"[^0-9a-f]", "", str(batch.key))[:12]
