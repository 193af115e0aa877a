"""Requests and responses: middleware, validation, errors, pagination, the OpenAPI document."""
