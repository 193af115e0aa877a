"""Dependencies of routes: a transaction that is opened for a request is closed whatever happens to the request."""

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

# They return what the application or the guard holds; nothing of the request is parsed.
CANNOT_FAIL = {"agent", "staff", "till", "db", "settings", "now", "versions", "passwords", "spool"}


def resolved_beside_or_after_session(app: Litestar) -> set[tuple[str, str]]:
    """Operations and their dependencies that the framework resolves when it may have opened `session` already."""
    found = set()
    for route in app.routes:
        for handler, model in getattr(route, "route_handler_map", {}).values() if isinstance(route, HTTPRoute) else ():
            assert isinstance(handler, HTTPRouteHandler)
            names = [{dependency.key for dependency in batch} for batch in model.dependency_batches]
            opened = next((place for place, batch in enumerate(names) if "session" in batch), len(names))
            found |= {(handler.handler_name, name) for batch in names[opened:] for name in batch - {"session"}}
    return found


async def test_no_dependency_fails_after_session_opens(app: Litestar):
    beside = resolved_beside_or_after_session(app)

    assert {name for _, name in beside} <= CANNOT_FAIL
