"""Faults of simulators and their frequency, by a seed, so that a run can be repeated."""

import random

SUPPLIERS = ("tremendous", "tango", "generic")
# With `_after` the certificate is sold first, and the response has the fault.
PURCHASE_FAULTS = (
    "timeout",
    "slow",
    "http_500",
    "http_500_empty",
    "garbage",
    "limit",
    "late",
    "duplicate",
    "timeout_after",
    "http_500_after",
    "http_500_empty_after",
    "garbage_after",
    "huge_after",
    "empty_after",
)

# Random faults: they delay the result and never change it.
RANDOM_FAULTS = {
    "fns": (
        "timeout",
        "slow",
        "http_500",
        "http_500_empty",
        "authentication",
        "garbage",
        "wrong_type",
        "huge",
        "processing",
        "message_not_found",
        "ticket_garbage",
        "code_503",
        "code_528",
    ),
    "proverkacheka": (
        "timeout",
        "slow",
        "http_500",
        "http_500_empty",
        "garbage",
        "huge",
        "empty",
        "code_2",
        "code_3",
        "code_4",
        "code_5",
    ),
    "callback": ("timeout", "slow", "http_500", "http_500_empty", "garbage", "lost", "duplicate", "late"),
} | dict.fromkeys(SUPPLIERS, PURCHASE_FAULTS)
# Faults that occur only by name, in a receipt's script or in the setup. `code_404` and the like send that code,
# `reject_DUPLICATE` and the like send that reason in the callback.
NAMED_FAULTS = {
    "fns": ("redirect",),
    "proverkacheka": ("redirect",),
    "callback": ("redirect", "wrong_amount"),
} | dict.fromkeys(SUPPLIERS, ("redirect", "wrong_amount", "sold_out", "maintenance", "failed", "unauthorized"))
PREFIXES: dict[str, tuple[str, ...]] = {
    "fns": ("code_",),
    "proverkacheka": ("code_",),
    "callback": ("reject_",),
} | dict.fromkeys(SUPPLIERS, ())


def is_known(fault: str) -> bool:
    """Whether any simulator supports a fault; true for none ("")."""
    named = {name for names in (*RANDOM_FAULTS.values(), *NAMED_FAULTS.values()) for name in names}
    return not fault or fault in named or fault.startswith(("code_", "reject_"))


def is_supported(service: str, fault: str) -> bool:
    """Whether a service's simulator supports a fault."""
    return fault in (*RANDOM_FAULTS[service], *NAMED_FAULTS[service]) or fault.startswith(PREFIXES[service])


def draw_fault(service: str, key: str, nth: int, *, seed: int, rate: float, kinds: list[str] | None) -> str:
    """The fault of a receipt's nth query to a service; independent of the order of queries."""
    chance = random.Random(f"{seed}:{service}:{key}:{nth}")  # noqa: S311 - to be the same every time
    if chance.random() >= rate:
        return ""
    possible = [kind for kind in kinds if is_supported(service, kind)] if kinds is not None else RANDOM_FAULTS[service]
    return chance.choice(possible) if possible else ""
