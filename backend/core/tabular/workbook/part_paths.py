"""The paths of a workbook's parts by its relationships, with any case and slashes."""

import io
import posixpath
import zipfile
from typing import IO, NamedTuple
from urllib.parse import unquote

from backend.core.tabular.workbook.limits import DIRECTORY_BYTES, SHEETS, SheetUnreadable
from backend.core.tabular.workbook.xml import Handler, parsed

END_OF_DIRECTORY = 22 + 65_535  # the record and the longest comment
USUAL_WORKBOOK = "xl/workbook.xml"


class Relation(NamedTuple):
    """What a part points at: `kind` is the last word of the relationship's type, the same in both namespaces."""

    id: str
    kind: str
    path: str


class Package:
    """The archive; paths are compared without case, and backslashes are slashes, as spreadsheets do."""

    def __init__(self, archive: zipfile.ZipFile, unpacked_bytes: int) -> None:
        parts = archive.infolist()
        if sum(part.file_size for part in parts) > unpacked_bytes:
            raise SheetUnreadable("unpacked it is too large")
        self.archive = archive
        self._parts: dict[str, list[zipfile.ZipInfo]] = {}
        for part in parts:
            self._parts.setdefault(_plain_path(part.filename), []).append(part)

    def has(self, path: str) -> bool:
        """Whether there is such a part."""
        return _plain_path(path) in self._parts

    def open(self, path: str) -> IO[bytes]:
        """A part to read.

        Raises:
            SheetUnreadable: there is none, or two of one name, of which each program would read another.
        """
        found = self._parts.get(_plain_path(path), [])
        if len(found) != 1:
            raise SheetUnreadable("a part of it is missing or there twice")
        return self.archive.open(found[0])

    def read(self, path: str, handler: Handler) -> None:
        """Feed a whole part to a handler."""
        with self.open(path) as part:
            for _ in parsed(part, handler):
                pass

    def relations(self, path: str) -> list[Relation]:
        """The targets of a part inside the archive; "" is the archive itself."""
        folder, name = posixpath.split(path)
        place = posixpath.join(folder, "_rels", f"{name}.rels")
        if not self.has(place):
            return []
        found = Elements("Relationship")
        self.read(place, found)
        inside = [row for row in found.rows if row.get("TargetMode", "").lower() != "external"]
        return [
            Relation(
                row.get("Id", ""), row.get("Type", "").rpartition("/")[2], self._target_path(folder, row["Target"])
            )
            for row in inside
            if "Target" in row
        ]

    def _target_path(self, folder: str, target: str) -> str:
        """A target as a path in the archive: relative to the part's folder, absolute from the root."""
        slashed = target.replace("\\", "/")
        path = posixpath.normpath(posixpath.join("/", folder, slashed)).lstrip("/")
        return path if self.has(path) else unquote(path)

    def workbook(self) -> str:
        """The path of the workbook; the usual one without a relationship."""
        paths = [row.path for row in self.relations("") if row.kind == "officeDocument"]
        return paths[0] if paths else USUAL_WORKBOOK


class Elements:
    """The attributes of all elements of one name; few are expected."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows: list[dict[str, str]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == self.name:
            self.rows.append(attributes)
            if len(self.rows) > SHEETS:
                raise SheetUnreadable("it has too many parts")

    def data(self, text: str) -> None:
        """Texts have no meaning here."""

    def end(self, name: str) -> None:
        """Neither do ends."""


def check_directory(file: IO[bytes]) -> None:
    """Refuse an archive whose directory alone would fill the memory.

    Raises:
        SheetUnreadable: it has no directory, or too long a one.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - END_OF_DIRECTORY))
    tail = file.read()
    file.seek(0)
    record = tail[tail.rfind(b"PK\x05\x06") :][:16]
    if len(record) < 16 or int.from_bytes(record[12:], "little") > DIRECTORY_BYTES:
        raise SheetUnreadable("the archive has no directory, or too long a one")


def _plain_path(path: str) -> str:
    return posixpath.normpath("/" + path.replace("\\", "/")).lstrip("/").lower()
