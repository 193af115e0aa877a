"""A ZIP of QR codes, a file each, with a list of them; written as it goes."""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator

from backend.packages.labels import lines
from backend.packages.labels.design import Label, LabelDesign
from scanning import package

SLICE_BYTES = 1 << 16
# The earliest time that a ZIP can say: the archive must not depend on when it was made.
MADE_AT = (1980, 1, 1, 0, 0, 0)
UNIX, ORDINARY_FILE = 3, 0o100644 << 16

Draw = Callable[[Label, LabelDesign], bytes]


def file(labels: Iterable[Label], design: LabelDesign, draw: Draw, *, ending: str) -> Iterator[bytes]:
    """One archive, in slices: `000000001-SSEE-EEEE-EEEE-EEEC.svg` and so on, then `labels.csv`.

    What is kept in memory are the entries' names and the list, some 300 bytes a code.
    """
    tail = _Tail()
    listed = [lines.header()]
    with zipfile.ZipFile(tail, "w", zipfile.ZIP_DEFLATED) as archive:
        for label in labels:
            name = f"{label.serial_no:09}-{package.grouped(label.code)}.{ending}"
            _add(archive, name, draw(label, design))
            listed.append(lines.block([label]))
            if tail.size >= SLICE_BYTES:
                yield tail.take()
        _add(archive, "labels.csv", b"".join(listed))
    yield tail.take()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=MADE_AT)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = UNIX, ORDINARY_FILE
    archive.writestr(entry, content)


class _Tail(io.BytesIO):
    """The end of a long file, of which the beginning has been given away.

    `zipfile` goes back within the entry it has just written to put down its length. On a stream that can't,
    it writes the length after the entry instead, and some programs then refuse the archive.
    """

    def __init__(self) -> None:
        super().__init__()
        self._given = 0

    @property
    def size(self) -> int:
        return len(self.getbuffer())

    def take(self) -> bytes:
        """Everything since the last time; only between entries."""
        content = self.getvalue()
        self._given += len(content)
        super().seek(0)
        self.truncate()
        return content

    def tell(self) -> int:
        return self._given + super().tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        place = super().seek(offset - self._given if whence == io.SEEK_SET else offset, whence)
        return self._given + place
