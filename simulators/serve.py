"""All simulators as one server on this machine; their paths do not overlap, so one port is enough."""

import functools

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels
from litestar import Litestar
from litestar.datastructures import State

from simulators.receipts import callback, control, fns, proverkacheka
from simulators.state import Setup, SimulatorState
from simulators.suppliers import generic_supplier, order_control, tango, tremendous
from simulators.suppliers.supplier import SupplierSimulator

HOST = "127.0.0.1"
STOP_SECONDS = 2
MAX_BODY = 64_000_000  # ten thousand receipts added at once


def create_app(setup: Setup) -> Litestar:
    """The application without receipts."""
    book = SimulatorState(setup)
    return Litestar(
        [
            fns.issue_token,
            fns.handle_message,
            proverkacheka.check_receipt,
            callback.submit_receipt,
            control.put_receipts,
            control.make_receipts,
            control.clear_receipts,
            control.show_log,
            control.show_setup,
            control.replace_setup,
            *tremendous.ROUTES,
            *tango.ROUTES,
            *generic_supplier.ROUTES,
            *order_control.ROUTES,
        ],
        state=State(
            {
                "book": book,
                "office": fns.TaxService(book),
                "line": callback.CallbackQueue(book),
                "supplier": SupplierSimulator(book),
            },
            deep_copy=False,
        ),
        openapi_config=None,
        request_max_body_size=MAX_BODY,
    )


def serve(setup: Setup, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C, in one process, because the state is in memory."""
    server = Granian(
        "simulators.serve:create_app",
        address=HOST,
        port=port,
        interface=Interfaces.ASGI,
        workers=1,
        log_level=LogLevels.warning,
        workers_kill_timeout=STOP_SECONDS,
    )
    server.serve(target_loader=functools.partial(create_app, setup), wrap_loader=False)
