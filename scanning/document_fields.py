"""Single values of a provider's receipt: text, whole numbers, kopecks, quantities, tax numbers, wall time."""

from scanning.problem import Problem


class DocumentUnreadable(Problem):
    """What a provider sent is not a receipt that we can trust; `code` says why to a machine."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
