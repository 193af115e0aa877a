"""A ZIP with a file for each QR code and a list of them, written as a stream."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator

from backend.earning.packages.print_runs.labels import csv_lines
from backend.earning.packages.print_runs.labels.label_design import Label, LabelDesign
from scanning.codes import package

SLICE_BYTES = 1 << 16
# The earliest time in a ZIP: the archive must not depend on the time of its creation.
MADE_AT = (1980, 1, 1, 0, 0, 0)
UNIX, ORDINARY_FILE = 3, 0o100644 << 16

DrawLabel = Callable[[Label, LabelDesign], bytes]


def write_archive(labels: Iterable[Label], design: LabelDesign, draw: DrawLabel, *, ending: str) -> Iterator[bytes]:
    """One archive, in slices: `000000001-SSEE-EEEE-EEEE-EEEC.svg` and so on, then `labels.csv`.

    Only the names of the entries and the list are held in memory, some 300 bytes a code.
    """
    tail = _FileTail()
    listed = [csv_lines.header_line()]
    with zipfile.ZipFile(tail, "w", zipfile.ZIP_DEFLATED) as archive:
        for label in labels:
            name = f"{label.serial_no:09}-{package.grouped(label.code)}.{ending}"
            _add_entry(archive, name, draw(label, design))
            listed.append(csv_lines.code_lines([label]))
            if tail.size >= SLICE_BYTES:
                yield tail.take()
        _add_entry(archive, "labels.csv", b"".join(listed))
    yield tail.take()


def _add_entry(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=MADE_AT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = UNIX, ORDINARY_FILE
    archive.writestr(entry, content)


class _FileTail(io.BytesIO):
    """The end of a long file whose beginning was already sent.

    `zipfile` seeks back within the entry that it has just written to set its length. On a stream without seek it writes
    the length after the entry, and some programs refuse such an archive.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sent = 0

    @property
    def size(self) -> int:
        return len(self.getbuffer())

    def take(self) -> bytes:
        """All bytes since the last call; only between entries."""
        content = self.getvalue()
        self._sent += len(content)
        super().seek(0)
        self.truncate()
        return content

    def tell(self) -> int:
        return self._sent + super().tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        place = super().seek(offset - self._sent if whence == io.SEEK_SET else offset, whence)
        return self._sent + place
