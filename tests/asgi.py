"""An ASGI request by hand, for what no HTTP client of the tests can do."""


def http_scope(method: str, path: str, headers: list[tuple[bytes, bytes]]) -> dict:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": b"",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "state": {},
        "server": ("x", 1),
        "scheme": "http",
        "root_path": "",
        "asgi": {"version": "3.0"},
    }
