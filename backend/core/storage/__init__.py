"""Object storage: a folder on this machine, or a bucket of an S3 service."""
