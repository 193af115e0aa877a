"""What the console's pages have in common: the brand's own keys, and where a list goes on."""

from typing import Annotated

from litestar.params import PathParameter, QueryParameter

from backend.wire import KEY

Key = Annotated[str, PathParameter(pattern=KEY, description="Chosen by the brand.")]
# Where lists by key go on, and lists by number.
AfterKey = Annotated[str | None, QueryParameter(name="cursor", max_length=400)]
AfterNumber = Annotated[str | None, QueryParameter(name="cursor", max_length=64)]
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
