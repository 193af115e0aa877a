"""State of the simulators: receipts, sold certificates, the log of requests, and quotas."""

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from simulators import callbacks, faults
from simulators.suppliers.certificates import CertificateStore

SERVICES = ("fns", "proverkacheka", "callback", *faults.SUPPLIERS)
Verdict = Literal["found", "not_yet", "mismatch"]


class Setup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The behaviour of the simulators; 0 is no limit. `lag`: seconds until an answer is ready or a callback is sent.
    Suppliers have limits of their own (orders a second) and call `callback_url` after a sale."""

    seed: int = 1
    faults: float = 0.0
    kinds: list[str] | None = None
    per_second: float = 0
    per_day: int = 0
    lag: float = 0.0
    token_seconds: float = 3600.0
    timeout_seconds: float = 30.0
    slow_seconds: float = 0.5
    late_seconds: float = 5.0
    supplier_limits: dict[str, float] = msgspec.field(default_factory=lambda: {"tremendous": 10, "tango": 1})
    callback_url: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.faults <= 1 or not all(map(faults.is_known, self.kinds or [])):
            raise ValueError("`faults` is a share from 0 to 1, `kinds` are names of known faults")
        if self.callback_url and not callbacks.is_local(self.callback_url):
            raise ValueError("simulators call this machine only")


class SimulatedReceipt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt, the number of queries that get "not yet" first, and the faults of its first queries."""

    receipt: dict[str, Any]
    appears_after: int = 0
    script: list[str] = []

    def __post_init__(self) -> None:
        if not all(map(faults.is_known, self.script)):
            raise ValueError("`script` holds names of known faults")


class ReceiptRequest(msgspec.Struct, frozen=True):
    """The requisites in a query; `total` in kopecks, `at` is the till's wall time."""

    fn: str
    fd: int
    fp: int
    at: datetime
    total: int
    operation: int

    @property
    def key(self) -> str:
        return f"{self.fn}:{self.fd}"


class ServiceLog(msgspec.Struct):
    """The log of one service; times are seconds since the start."""

    arrivals: list[float] = []
    refused_for_quota: int = 0
    receipts: Counter[str] = msgspec.field(default_factory=Counter)
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    answers: Counter[str] = msgspec.field(default_factory=Counter)
    shapes: Counter[str] = msgspec.field(default_factory=Counter)
    polls: dict[str, list[float]] = {}
    callbacks: list[tuple[str, int]] = []  # the reference, and the status of our response (0: none)

    def summary(self) -> dict[str, object]:
        """The log with figures for tests: the busiest second, and that of one message's polls."""
        polls = max((max_in_a_second(times) for times in self.polls.values()), default=0)
        sums = {
            "questions": len(self.arrivals),
            "most_in_a_second": max_in_a_second(self.arrivals),
            "most_polls_in_a_second": polls,
        }
        fields: dict[str, object] = msgspec.to_builtins(self)
        del fields["polls"]
        return fields | sums


class SimulatorState:
    """The state that all simulators share."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.clear()

    def clear(self) -> None:
        """Clear receipts and log; tokens and setup stay."""
        self.entries: dict[str, SimulatedReceipt] = {}
        self.sold = CertificateStore()
        self.logs = {service: ServiceLog() for service in SERVICES}
        self.counted: dict[str, list[float]] = {
            service: [] for service in SERVICES
        }  # requests that count against the quota
        self.met: Counter[tuple[str, str]] = Counter()  # queries of a receipt at a service
        self.not_yet_sent: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.started = time.monotonic()

    def now(self) -> float:
        return time.monotonic() - self.started

    def put(self, entry: SimulatedReceipt) -> str:
        """Add a receipt; returns its key."""
        key = f"{entry.receipt['fiscalDriveNumber']}:{int(entry.receipt['fiscalDocumentNumber'])}"
        self.entries[key] = entry
        return key

    def arrive(self, service: str, key: str, shape: str) -> bool:
        """Log a query; False if the quota is used up."""
        log, now, counted = self.logs[service], self.now(), self.counted[service]
        log.arrivals.append(now)
        log.receipts[key] += 1
        log.shapes[shape] += 1
        in_a_second = len(counted) - bisect_left(counted, now - 1)
        setup = self.setup
        per_second = setup.supplier_limits.get(service, 0) if service in faults.SUPPLIERS else setup.per_second
        if (per_second and in_a_second >= per_second) or (setup.per_day and len(counted) >= setup.per_day):
            log.refused_for_quota += 1
            return False
        counted.append(now)
        return True

    def fault(self, service: str, key: str) -> str:
        """The fault of this query: from its script, then at random; usually ""."""
        nth = self.met[service, key]
        self.met[service, key] += 1
        script = self.entries[key].script if key in self.entries else self.sold.scripts.get(key, [])
        setup = self.setup
        fault = (
            script[nth]
            if nth < len(script)
            else faults.draw_fault(service, key, nth, seed=setup.seed, rate=setup.faults, kinds=setup.kinds)
        )
        if not fault or not faults.is_supported(service, fault):
            return ""
        self.logs[service].faults[fault] += 1
        return fault

    def verdict(self, service: str, query: ReceiptRequest) -> Verdict:
        """The verdict on a query. A receipt that was not added has not arrived yet."""
        entry = self.entries.get(query.key)
        if entry is None:
            return "not_yet"
        if not _is_same_receipt(entry.receipt, query):
            return "mismatch"
        if self.not_yet_sent[service, query.key] < entry.appears_after:
            self.not_yet_sent[service, query.key] += 1
            return "not_yet"
        return "found"


def _is_same_receipt(receipt: dict[str, Any], query: ReceiptRequest) -> bool:
    at = datetime.fromisoformat(receipt["dateTime"])
    return (
        receipt["fiscalSign"] == query.fp
        and receipt["totalSum"] == query.total
        and receipt["operationType"] == query.operation
        and at.replace(second=0) == query.at.replace(second=0)
        and (not query.at.second or at.second == query.at.second)
    )


def max_in_a_second(times: Sequence[float]) -> int:
    """The maximum number in any sliding second."""
    ordered = sorted(times)
    return max((bisect_left(ordered, begin + 1) - place for place, begin in enumerate(ordered)), default=0)
