"""What tills say over the wire."""

from typing import Annotated

from msgspec import Meta

from backend.shops.models import TillKind
from backend.wire import Out


class TillHome(Out):
    """Where a till stands and what it is."""

    kind: Annotated[TillKind, Meta(examples=["till"])]
    timezone: Annotated[str, Meta(examples=["Europe/Moscow"])]
