"""The description of the API (OpenAPI 3.1), from the handlers themselves."""
