"""Faults that all simulators have in common."""

import asyncio

from litestar import Response

from simulators.state import Setup

HUGE = b"x" * 1_500_000
GARBAGE = b"<<\xff\x00{]"


async def play_fault(fault: str, setup: Setup, media_type: str) -> Response[bytes] | None:
    """The response with a fault; None if the right response follows, perhaps late."""
    if fault == "timeout":
        await asyncio.sleep(setup.timeout_seconds)
        return Response(b"", status_code=504)
    if fault == "slow":
        await asyncio.sleep(setup.slow_seconds)
        return None
    return {
        "http_500": Response(b"Internal Server Error", status_code=500, media_type="text/plain"),
        "http_500_empty": Response(b"", status_code=500),
        "garbage": Response(GARBAGE, media_type=media_type, status_code=200),
        "wrong_type": Response(b"<html>Maintenance</html>", media_type="text/html", status_code=200),
        "huge": Response(HUGE, media_type=media_type, status_code=200),
        "empty": Response(b"", media_type=media_type, status_code=200),
        "redirect": Response(b"", status_code=307, headers={"Location": "/_simulator/log"}),
    }.get(fault)
