"""Short ASCII texts as objects."""

import tempfile

from backend.core.storage.objects import FileMissing
from backend.core.storage.store import Files


async def read_text(files: Files, name: str) -> str:
    """A stored text, "" where there is none."""
    try:
        return b"".join([chunk async for chunk in await files.open(name)]).decode("ascii")
    except FileMissing:
        return ""


async def write_text(files: Files, name: str, content: str) -> None:
    """Store a text, whole or not at all."""
    with tempfile.TemporaryFile() as file:
        file.write(content.encode("ascii"))
        await files.put(name, file)
