"""Texts for the reasons why an order is refused or waits."""

REASONS = {
    "poor": "The balance of the wallet is too low.",
    "sold_out": "This is sold out. The money is in your wallet.",
    "year_limit": "The yearly limit for this kind is reached. The brand reviews the order.",
    "written_form": "A gift of this size requires a written agreement. The brand reviews the order.",
    "spending_held": "Spending is blocked for a day after signing in on a new device. Try again then.",
    "supplier_refused": "The supplier does not sell this now. The money is in your wallet.",
    "being_fulfilled": "Your order is under way.",
    "for_person": "The brand is processing your order.",
    "cancelled": "You have cancelled the order. The money is in your wallet.",
    "overdue": "No decision was made in time. The money is in your wallet.",
    "turned_down": "The brand has turned the order down. The money is in your wallet.",
    "not_offered": "This is not available any more. The money is in your wallet.",
}

# Texts for the delivery of held orders.
DELIVERIES = {
    "packed": "Your order is packed.",
    "sent": "Your order is on its way.",
    "ready": "Your order is ready: pick it up.",
}
