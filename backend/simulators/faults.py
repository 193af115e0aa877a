"""What goes wrong at a stand-in, and how often: by a seed, so that a run can be played again."""

import random

SUPPLIERS = ("tremendous", "tango", "generic")
# With `_after` the certificate is sold first, and the buyer is told this instead.
BUYING = (
    "timeout", "slow", "http_500", "http_500_empty", "garbage", "limit", "late", "duplicate",
    "timeout_after", "http_500_after", "http_500_empty_after", "garbage_after", "huge_after", "empty_after",
)  # fmt: skip

# What may be drawn by chance: it delays the truth and never changes it.
AT_RANDOM = {
    "fns": (
        "timeout", "slow", "http_500", "http_500_empty", "authentication", "garbage", "wrong_type", "huge",
        "processing", "message_not_found", "ticket_garbage", "code_503", "code_528",
    ),
    "proverkacheka": (
        "timeout", "slow", "http_500", "http_500_empty", "garbage", "huge", "empty", "code_2", "code_3", "code_4",
        "code_5",
    ),
    "callback": ("timeout", "slow", "http_500", "http_500_empty", "garbage", "lost", "duplicate", "late"),
} | dict.fromkeys(SUPPLIERS, BUYING)  # fmt: skip
# What happens only where somebody asks for it: by name, in a receipt's script or in the setup. `code_404` and its
# like answer that code, `reject_DUPLICATE` and its like call that reason back.
BY_NAME = {
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
    """Whether any of the stand-ins can play it; nothing ("") is always right."""
    named = {name for names in (*AT_RANDOM.values(), *BY_NAME.values()) for name in names}
    return not fault or fault in named or fault.startswith(("code_", "reject_"))


def fits(service: str, fault: str) -> bool:
    """Whether that stand-in can play it."""
    return fault in (*AT_RANDOM[service], *BY_NAME[service]) or fault.startswith(PREFIXES[service])


def drawn(service: str, key: str, nth: int, *, seed: int, rate: float, kinds: list[str] | None) -> str:
    """The fault that a receipt's nth question to a service meets; it depends on nothing else, so order is free."""
    chance = random.Random(f"{seed}:{service}:{key}:{nth}")  # noqa: S311 - to be the same every time
    if chance.random() >= rate:
        return ""
    possible = [kind for kind in kinds if fits(service, kind)] if kinds is not None else AT_RANDOM[service]
    return chance.choice(possible) if possible else ""
