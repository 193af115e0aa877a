"""Why a code takes nothing off, for the cashier and the buyer."""

from backend.language import say

TEXTS = {
    "unknown": "There is no such code.",
    "twice": "This code is given twice.",
    "closed": "This code has been closed.",
    "not_here": "This code is not for this shop.",
    "not_now": "The offer of this code does not run now.",
    "spent": "This code has been used as often as it may be.",
    "buyer_needed": "This code asks who buys: send the buyer's card.",
    "buyer_limit": "This buyer has used this offer as often as it may be.",
    "agent_limit": "This code's owner has reached the limit of the offer.",
    "shop_limit": "This shop has reached today's limit of the offer.",
    "budget_spent": "The offer's budget is spent.",
    "no_products": "Nothing in the basket counts for this code.",
    "below_minimum": "The basket is too small for this code.",
    "better_in_group": "Another code of the same kind takes more off.",
    "exclusive_is_better": "Another code, which goes alone, takes more off.",
    "not_beside_others": "This code goes alone, and the others take more off.",
    "nothing_left": "The other codes leave nothing to take off.",
    "body_changed": "This id was used before with another body. Send a new request under a new id.",
    "taken_at_unlikely": "The sale is too old, or its time has not come yet.",
    "gave_less": "The offers give more than was given: send only the codes that were used.",
}
# Codes that lose to others of the same basket are no reason to refuse a sale.
OUTDONE = {"better_in_group", "exclusive_is_better", "not_beside_others", "nothing_left"}


def text(reason: str) -> str:
    """A reason in the caller's language."""
    return say(TEXTS[reason])
