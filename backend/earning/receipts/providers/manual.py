"""The provider `manual`: a reviewer of the brand reads the photo."""

from backend.earning.receipts.providers.queries import ProviderAnswer, ReceiptQuery


class ManualProvider:
    """Sends no request: a reviewer answers in the review queue."""

    async def find_receipt(self, query: ReceiptQuery) -> ProviderAnswer:  # noqa: ARG002 - the same for every receipt
        return ProviderAnswer("waiting", shape="manual", spent=0)

    async def close(self) -> None:
        """There is nothing to close."""
