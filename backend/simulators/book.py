"""What a stand-in knows: receipts and what was sold, who asked when, and how much may be asked."""

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from backend.simulators import calling, faults
from backend.simulators.shop import Shop

SERVICES = ("fns", "proverkacheka", "callback", *faults.SUPPLIERS)
Verdict = Literal["found", "not_yet", "mismatch"]


class Setup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the stand-ins behave; 0 is no limit. `lag` is how many seconds an answer takes to be ready, a call back to be
    made. Suppliers have limits of their own (orders a second) and call `callback_url` back when they have sold."""

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
            raise ValueError("`faults` is a part from 0 to 1, `kinds` are names of known faults")
        if self.callback_url and not calling.is_at_home(self.callback_url):
            raise ValueError("stand-ins call this machine only")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receipt, how many questions are answered "not yet" first, and the faults that its first questions meet."""

    receipt: dict[str, Any]
    appears_after: int = 0
    script: list[str] = []

    def __post_init__(self) -> None:
        if not all(map(faults.is_known, self.script)):
            raise ValueError("`script` holds names of known faults")


class Asked(msgspec.Struct, frozen=True):
    """The requisites in a question; `total` in kopecks, `at` as the till showed it."""

    fn: str
    fd: int
    fp: int
    at: datetime
    total: int
    operation: int

    @property
    def key(self) -> str:
        return f"{self.fn}:{self.fd}"


class Log(msgspec.Struct):
    """What happened at one service; times are seconds since the start."""

    arrivals: list[float] = []
    refused_for_quota: int = 0
    receipts: Counter[str] = msgspec.field(default_factory=Counter)
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    answers: Counter[str] = msgspec.field(default_factory=Counter)
    shapes: Counter[str] = msgspec.field(default_factory=Counter)
    polls: dict[str, list[float]] = {}
    callbacks: list[tuple[str, int]] = []  # the reference, and how our side answered (0: not at all)

    def shown(self) -> dict[str, Any]:
        """The log with what a test asks of it: the fullest second, and that of one message's polls."""
        polls = max((most_in_a_second(times) for times in self.polls.values()), default=0)
        sums = {"questions": len(self.arrivals), "most_in_a_second": most_in_a_second(self.arrivals),
                "most_polls_in_a_second": polls}  # fmt: skip
        shown: dict[str, Any] = msgspec.to_builtins(self)
        del shown["polls"]
        return shown | sums


class Book:
    """All that the stand-ins share."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.clear()

    def clear(self) -> None:
        """Forget receipts and log; tokens and setup stay."""
        self.entries: dict[str, Entry] = {}
        self.shop = Shop()
        self.logs = {service: Log() for service in SERVICES}
        self.taken: dict[str, list[float]] = {service: [] for service in SERVICES}  # what the quota counts
        self.met: Counter[tuple[str, str]] = Counter()  # questions of a receipt at a service
        self.kept_waiting: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.started = time.monotonic()

    def now(self) -> float:
        return time.monotonic() - self.started

    def put(self, entry: Entry) -> str:
        """Take a receipt in; its key."""
        key = f"{entry.receipt['fiscalDriveNumber']}:{int(entry.receipt['fiscalDocumentNumber'])}"
        self.entries[key] = entry
        return key

    def arrive(self, service: str, key: str, shape: str) -> bool:
        """Write a question down; False if the quota is spent."""
        log, now, taken = self.logs[service], self.now(), self.taken[service]
        log.arrivals.append(now)
        log.receipts[key] += 1
        log.shapes[shape] += 1
        in_a_second = len(taken) - bisect_left(taken, now - 1)
        setup = self.setup
        per_second = setup.supplier_limits.get(service, 0) if service in faults.SUPPLIERS else setup.per_second
        if (per_second and in_a_second >= per_second) or (setup.per_day and len(taken) >= setup.per_day):
            log.refused_for_quota += 1
            return False
        taken.append(now)
        return True

    def fault(self, service: str, key: str) -> str:
        """What goes wrong with this question: as its script has it, then by chance; mostly nothing."""
        nth = self.met[service, key]
        self.met[service, key] += 1
        script = self.entries[key].script if key in self.entries else self.shop.scripts.get(key, [])
        setup = self.setup
        fault = script[nth] if nth < len(script) else faults.drawn(
            service, key, nth, seed=setup.seed, rate=setup.faults, kinds=setup.kinds)  # fmt: skip
        if not fault or not faults.fits(service, fault):
            return ""
        self.logs[service].faults[fault] += 1
        return fault

    def verdict(self, service: str, asked: Asked) -> Verdict:
        """What is true of a question. A receipt that nobody put here has not arrived yet."""
        entry = self.entries.get(asked.key)
        if entry is None:
            return "not_yet"
        if not _agrees(entry.receipt, asked):
            return "mismatch"
        if self.kept_waiting[service, asked.key] < entry.appears_after:
            self.kept_waiting[service, asked.key] += 1
            return "not_yet"
        return "found"


def _agrees(receipt: dict[str, Any], asked: Asked) -> bool:
    at = datetime.fromisoformat(receipt["dateTime"])
    return (
        receipt["fiscalSign"] == asked.fp
        and receipt["totalSum"] == asked.total
        and receipt["operationType"] == asked.operation
        and at.replace(second=0) == asked.at.replace(second=0)
        and (not asked.at.second or at.second == asked.at.second)
    )


def most_in_a_second(times: Sequence[float]) -> int:
    """The most that fell into any second, wherever it begins."""
    ordered = sorted(times)
    return max((bisect_left(ordered, begin + 1) - place for place, begin in enumerate(ordered)), default=0)
