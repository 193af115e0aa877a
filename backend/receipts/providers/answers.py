"""The words in which every provider is asked and answers, and what is set for one."""

from datetime import datetime
from typing import Literal, Protocol

import msgspec

# waiting: the answer comes later, by callback or from a person.
Result = Literal["found", "not_yet", "rejected", "bad_request", "limit", "unavailable", "waiting"]
Kind = Literal["fns", "proverkacheka", "callback", "manual"]


class Question(msgspec.Struct, frozen=True):
    """A receipt to ask for, by what its QR says.

    `at` is the shop's own wall time, without a zone; `total` is in kopecks; `attempt` counts this receipt's own
    earlier tries (clients alternate the shapes of requests by it); `reference` is our opaque id, for callbacks.
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


class Answer(msgspec.Struct, frozen=True):
    """What a provider said.

    `raw` is the decoded JSON when a receipt was found; `code` is the provider's own code, or a word of ours for
    trouble on the way; `shape` says which request was sent; `retry_after` is in seconds, if the provider named
    them; `spent` is how many requests count against its quota.
    """

    result: Result
    raw: object = None
    code: str = ""
    http: int | None = None
    shape: str = ""
    retry_after: int | None = None
    spent: int = 1


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is set for one provider: its address, its secret, its quota.

    `timeout` is in seconds and bounds one exchange over HTTP; `user` is the name under which we ask, where a
    provider wants one. The token is a secret: it shows in no representation and no log.
    """

    name: str
    kind: Kind
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
    """Whoever can be asked for a receipt. Trouble on the way is an answer (`unavailable`), not an exception."""

    async def ask(self, question: Question) -> Answer: ...

    async def close(self) -> None: ...
