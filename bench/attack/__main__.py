"""`make attack`: runs all phases one after another, with an honest phone beside each, and prints the faults."""

import argparse
import random
import sys
import time
from collections.abc import Callable

from bench.attack import abuse, sweep, transport
from bench.attack.target import Honest, Target, installation

Phase = Callable[[Target, float], str]
# The maximum p95 of an honest request during an attack, and the maximum growth of the API and its children.
HONEST_SECONDS = 1.0
GROWTH_MB = 400
PHASES: dict[str, Phase] = {
    "codecs": transport.codecs,
    "silent sockets": transport.silent_sockets,
    "streams": transport.streams,
    "odd requests": transport.odd_requests,
    "leaving clients": transport.leavers,
    "bombs": abuse.bombs,
    "abusive accounts": abuse.abusive_accounts,
    "quotas": abuse.quotas,
    "page tokens": abuse.page_tokens,
    "routes": sweep.routes,
    "broken bodies": sweep.broken_bodies,
}


def main(scale: float, only: list[str], seed: int) -> None:
    """Attack; exits with 1 and prints the faults if a limit did not hold."""
    random.seed(seed)
    with installation() as target:
        at_rest = target.memory_mb()
        print(f"at rest {at_rest:.0f} MB, seed {seed}", flush=True)
        for name in only or PHASES:
            _play(target, name, scale)
        over = target.memory_mb()
        target.insist(over - at_rest < GROWTH_MB, f"the API grew by {over - at_rest:.0f} MB")
        counted = ", ".join(f"{status}: {count:,}" for status, count in sorted(target.statuses.items()))
        print(f"answers {counted}; the API holds {over:.0f} MB at the end")
    for fault in target.faults[:20]:
        print(f"FAULT {fault}")
    print("0 faults" if not target.faults else f"{len(target.faults)} faults")
    sys.exit(1 if target.faults else 0)


def _play(target: Target, name: str, scale: float) -> None:
    """Run one phase, beside an honest phone unless the phase has its own."""
    begun = time.monotonic()
    honest = Honest(target)
    if name != "abusive accounts":
        honest.start()
    summary = PHASES[name](target, scale)
    honest.over.set()
    if honest.is_alive():
        honest.join(70)
        p95, requests, refused = honest.take_results()
        target.insist(p95 < HONEST_SECONDS, f"beside {name} an honest request took {p95:.2f} s (p95)")
        target.insist(refused == 0, f"beside {name} {refused} honest requests were turned away")
        summary += f"; honest p95 {p95 * 1000:.0f} ms over {requests}"
    print(f"{name:>17}  {time.monotonic() - begun:5.1f} s  {summary}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full attack")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="repeat an attack")
    parser.add_argument("only", nargs="*", help=f"phases: {', '.join(PHASES)}")
    options = parser.parse_args()
    main(options.scale, options.only, options.seed)
