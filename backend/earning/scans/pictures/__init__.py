"""Pictures that are scanned: decoded in limited processes, one of an account at a time."""
