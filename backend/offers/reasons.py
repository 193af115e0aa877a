"""Why an order is refused or waits: what it means to a person and what can be done."""

REASONS = {
    "poor": "There is not enough in the wallet.",
    "sold_out": "This is sold out. The money is in your wallet.",
    "year_limit": "The limit of this year is reached for this kind. A person looks at it.",
    "written_form": "A gift of this size takes an agreement in writing. A person looks at it.",
    "spending_held": "After signing in anew spending waits a day. Come again then.",
    "supplier_refused": "The supplier does not sell this now. The money is in your wallet.",
    "being_fulfilled": "Your order is under way.",
    "for_person": "A person looks after your order.",
    "turned_down": "A person has turned the order down. The money is in your wallet.",
    "not_offered": "This is not on offer any more. The money is in your wallet.",
}
