"""Why a code gives no discount, in texts for the cashier and the buyer."""

from backend.core.language import translate

TEXTS = {
    "unknown": "There is no such code.",
    "twice": "This code is given twice.",
    "closed": "This code has been closed.",
    "not_here": "This code is not for this shop.",
    "not_now": "The offer of this code does not run now.",
    "spent": "This code has reached its limit of uses.",
    "buyer_needed": "This code needs to know the buyer: send the buyer's card.",
    "buyer_limit": "This buyer has reached the limit of the offer.",
    "agent_limit": "This code's owner has reached the limit of the offer.",
    "shop_limit": "This shop has reached today's limit of the offer.",
    "brand_limit": "This brand's codes are not accepted here for now: its debt to this shop has reached the limit.",
    "budget_spent": "What is left of the offer's budget is not enough for this basket.",
    "no_products": "Nothing in the basket counts for this code.",
    "below_minimum": "The basket is too small for this code.",
    "better_in_group": "Another code of the same group gives a larger discount.",
    "exclusive_is_better": "Another code, which cannot be combined, gives a larger discount.",
    "not_beside_others": "This code cannot be combined, and the others give a larger discount.",
    "nothing_left": "The other codes leave nothing to discount.",
    "body_changed": "This id was used before with another body. Send a new request under a new id.",
    "taken_at_unlikely": "The sale is too old, or its time is in the future.",
    "gave_less": "The offers give a larger discount than the till gave: send only the codes that were used.",
}
# Other codes of the same basket outrank these codes; that is no reason to refuse a sale.
OUTRANKED = {"better_in_group", "exclusive_is_better", "not_beside_others", "nothing_left"}


def reason_text(reason: str) -> str:
    """A reason in the caller's language."""
    return translate(TEXTS[reason])
