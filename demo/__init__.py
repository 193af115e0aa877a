"""All flows of the product, run over HTTP on a temporary server."""
