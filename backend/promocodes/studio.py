"""Where cards are made, and where those lie that were made before: under a name made of all that they show."""

import asyncio
import io

from litestar.di import NamedDependency

from backend import jobs
from backend.errors import Busy
from backend.files.objects import FileMissing
from backend.files.store import Files
from backend.promocodes.cards import proof
from backend.promocodes.cards.content import Card, Kind, Size, fingerprint

AT_ONCE = 2  # cards in the making: it is work of a core
MOST_WAITING = 8


class StudioBusy(Busy):
    """Too many cards are being made. Please try again in a moment."""


class Studio:
    """Makes each card once."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self._hands = asyncio.Semaphore(AT_ONCE)
        self._making: dict[str, asyncio.Task[None]] = {}

    async def place(self, code_id: int, card: Card, size: Size, kind: Kind) -> str:
        """The stored card's name; it is drawn and read back first where nobody asked for it before.

        Raises:
            StudioBusy: too many wait. CardUnreadable: it could not be read back, so there is none.
        """
        name = f"{folder(code_id)}/{fingerprint(card, size, kind)}.{kind}"
        if not await self.files.exists(name):
            # Whoever asks for the same card waits for the same work, and a caller who leaves does not stop it.
            await asyncio.shield(self._making.get(name) or self._begin(name, card, size, kind))
        return name

    async def read(self, name: str) -> bytes:
        """A stored card.

        Raises:
            StudioBusy: it was removed this very moment.
        """
        try:
            return b"".join([chunk async for chunk in await self.files.open(name)])
        except FileMissing as error:
            raise StudioBusy(retry_after=1) from error

    def _begin(self, name: str, card: Card, size: Size, kind: Kind) -> asyncio.Task[None]:
        if len(self._making) >= AT_ONCE + MOST_WAITING:
            raise StudioBusy(retry_after=2)
        task = asyncio.create_task(self._make(name, card, size, kind))
        self._making[name] = task
        task.add_done_callback(lambda done: self._finished(name, done))
        return task

    async def _make(self, name: str, card: Card, size: Size, kind: Kind) -> None:
        async with self._hands:
            content = await asyncio.to_thread(proof.make, card, size, kind)
        await self.files.put(name, io.BytesIO(content))

    def _finished(self, name: str, task: asyncio.Task[None]) -> None:
        del self._making[name]
        if not task.cancelled():
            task.exception()  # seen, even if the caller has left


def folder(code_id: int) -> str:
    """Where a code's cards are stored."""
    return f"cards/{code_id}"


@jobs.task("cards")
async def remove_cards(code_id: int, *, files: Files) -> None:
    """Remove a code's cards, which may bear a nickname; they are made again when somebody asks."""
    await files.remove_folder(folder(code_id))


TheStudio = NamedDependency[Studio]
