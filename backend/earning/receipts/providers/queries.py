"""The interface of all providers: query, answer and settings."""

from datetime import datetime
from typing import Literal, Protocol

import msgspec

# waiting: the answer comes later, by callback or from a reviewer.
ProviderResult = Literal["found", "not_yet", "rejected", "bad_request", "limit", "unavailable", "waiting"]
ProviderKind = Literal["fns", "proverkacheka", "callback", "manual"]


class ReceiptQuery(msgspec.Struct, frozen=True):
    """A query for a receipt by the requisites of its QR code.

    `at` is the shop's wall time, without a zone; `total` is in kopecks; `attempt` is the receipt's number of
    earlier retries (clients alternate the shapes of requests by it); `reference` is our opaque id, for callbacks.
    """

    fn: str
    fd: int
    fp: int
    at: datetime
    total: int
    operation: int
    canonical: str
    attempt: int = 0
    reference: str = ""


class ProviderAnswer(msgspec.Struct, frozen=True):
    """A provider's answer.

    `raw` is the decoded JSON if a receipt was found; `code` is the provider's code, or one of ours for a failure on the
    way; `shape` is the kind of request that was sent; `retry_after` is in seconds, if the provider sent it; `spent` is
    the number of requests that count against its quota.
    """

    result: ProviderResult
    raw: object = None
    code: str = ""
    http: int | None = None
    shape: str = ""
    retry_after: int | None = None
    spent: int = 1


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of one provider: its address, its secret, its quota.

    `timeout` is in seconds and bounds one HTTP exchange; `user` is our user name, if a provider needs one. The token is
    a secret: it appears in no `repr` and no log.
    """

    name: str
    kind: ProviderKind
    url: str = ""
    token: str = ""
    per_second: float = 1.0
    per_day: int = 1000
    timeout: float = 10.0
    callback_url: str = ""
    user: str = ""

    def __repr__(self) -> str:
        token = "***" if self.token else ""
        return f"ProviderSettings(name={self.name!r}, kind={self.kind!r}, url={self.url!r}, token={token!r})"


class Provider(Protocol):
    """A source of receipts. A failure on the way is an answer (`unavailable`), not an exception."""

    async def find_receipt(self, query: ReceiptQuery) -> ProviderAnswer: ...

    async def close(self) -> None: ...
