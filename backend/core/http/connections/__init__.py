"""Bounds on connections and on request bodies (docs/decisions/0023).

The HTTP server ends a connection whose header does not arrive. It has no limit for an address and no timeout for a
body: `bodies` adds the timeout to the ASGI `receive`, and `sweeper` is a thread that checks this process's own sockets.
"""
