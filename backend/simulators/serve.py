"""The stand-ins as one server on this machine: their paths do not meet, so one port is enough."""

import functools

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from litestar import Litestar
from litestar.datastructures import State

from backend.simulators import callback, desk, fns, generic_supplier, order_desk, proverkacheka, tango, tremendous
from backend.simulators.book import Book, Setup
from backend.simulators.counter import Counter

HOST = "127.0.0.1"
STOP_SECONDS = 2
MOST_BODY = 64_000_000  # ten thousand receipts put in at once


def create_app(setup: Setup) -> Litestar:
    """The application with an empty book."""
    book = Book(setup)
    return Litestar(
        [fns.auth, fns.tickets, proverkacheka.check, callback.take, desk.put_receipts, desk.make_receipts, desk.clear,
         desk.log, desk.setup, desk.set_up, *tremendous.DOORS, *tango.DOORS, *generic_supplier.DOORS,
         *order_desk.DOORS],
        state=State({"book": book, "office": fns.Office(book), "line": callback.Line(book),
                     "counter": Counter(book)}, deep_copy=False),
        openapi_config=None,
        request_max_body_size=MOST_BODY,
    )  # fmt: skip


def serve(setup: Setup, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C, in one process: the book is in its memory."""
    server = Granian(
        "backend.simulators.serve:create_app",
        address=HOST,
        port=port,
        interface=Interfaces.ASGI,
        workers=1,
        log_level=LogLevels.warning,
        workers_kill_timeout=STOP_SECONDS,
    )
    server.serve(target_loader=functools.partial(create_app, setup), wrap_loader=False)
