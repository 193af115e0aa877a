"""The provider of last resort: a person at the brand, who looks at the photo."""

from backend.receipts.providers.answers import Answer, Question


class Manual:
    """Asks nobody over the wire: the answer is a person's, given in the review queue."""

    async def ask(self, question: Question) -> Answer:  # noqa: ARG002 - the same for every receipt
        return Answer("waiting", shape="manual", spent=0)

    async def close(self) -> None:
        """Nothing is held."""
