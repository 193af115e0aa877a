"""Texts for agents: why a receipt or a line pays nothing, or not yet, and what to do."""

RECEIPT_REASONS = {
    # The text is not a receipt, or only resembles one.
    "not_fiscal": "This is not the QR code of a fiscal receipt. Scan the one with the shop's name and the sum.",
    "self_employed_receipt": "This is a receipt of a self-employed person. Only receipts of cash registers count.",
    "egais_link": "This QR code is for the alcohol register. The receipt has another one: scan that.",
    "payment_link": "This QR code is for paying. The receipt has another one: scan that.",
    "marking_code": "This is a marking code of goods, not a receipt. Scan the receipt's QR code.",
    "ofd_link_incomplete": "This link lacks some of the numbers. Scan the printed QR code or type the numbers.",
    "incomplete_link": "This link lacks some of the numbers. Scan the printed QR code or type the numbers.",
    "too_long": "This is not the QR code of a fiscal receipt. Scan the one with the shop's name and the sum.",
    "duplicate_key": "This receipt has some fields twice. Scan it again.",
    "country_damaged": "The receipt's code is damaged. Scan it again from nearby.",
    # Refused at once.
    "in_future": "The date of this receipt is in the future. Check it.",
    "too_old": "This receipt is too old. Scan receipts soon after the purchase.",
    "is_return": "This is a receipt of a return. It takes back the bonus of what was returned, and pays nothing.",
    "not_a_purchase": "This receipt is not of a purchase. It pays nothing.",
    "is_correction": "This is a correction of the shop's. Send the receipt itself.",
    "already_claimed": "This receipt has already been sent by another person.",
    "body_changed": "This id was used before for another receipt.",
    "account_closed": "This account is closed.",
    "waiting_limited": "We are checking your other receipts. Keep the paper and send it again when one is decided.",
    # After it was verified.
    "not_genuine": "The tax service does not know such a receipt. Check the numbers and send it again.",
    "differs": "The tax service's data differ from what was scanned. Check the numbers and send it again.",
    "bad_request": "The tax service does not take these numbers. Check them and send the receipt again.",
    "no_products": "None of the goods on this receipt takes part.",
    "not_found": "The tax service does not have this receipt yet. We will check again; keep the paper.",
    "photo_needed": "A person will check this receipt. Add a photo of the whole receipt.",
    "being_checked": "A person is checking this receipt. Keep the paper.",
    "rejected": "A person has checked this receipt and found nothing that pays.",
}
LINE_REASONS = {
    "doubtful": "The name on the receipt is not clear. A person is checking it.",
    "checked": "This is being checked. Until then nothing is lost, and you may answer once.",
    "not_ours": "A person has checked it: these goods do not take part.",
    "not_full_settlement": "Only goods that are fully paid and handed over count. Keep the final receipt and send it.",
    "shop_excluded": "The maker pays nothing for purchases in this shop.",
    "no_campaign": "Nothing is paid for this product now.",
    "quantity_limit": "More of this product than one receipt pays for.",
    "day_cap": "Your limit for today is reached.",
    "agent_cap": "Your limit for this offer is reached.",
    "budget_spent": "The budget of this offer is spent.",
    "already_claimed": "This unit has been paid for already.",
    "returned": "The goods were returned.",
    "clawed_back": "The bonus was taken back after a check.",
}
# What is being checked, as a class that does not reveal the rules' thresholds.
CHECK_TEXTS = {
    "many_receipts": "Many receipts were sent close together.",
    "one_till": "Many of your receipts are from one till.",
    "far_apart": "Your purchases are far apart for the time between them.",
    "large_sum": "The sum is large, so a second person confirms it.",
    "unclear_return": "Goods like these were returned in this shop.",
    "each_checked": "The maker checks each of your receipts before it pays.",
}
CHECK_OF_RULE = {
    "receipt_velocity": "many_receipts",
    "cashier_pattern": "one_till",
    "till_share": "one_till",
    "two_places": "far_apart",
    "large_by_hand": "large_sum",
    "unclear_return": "unclear_return",
}
# Fields in which a receipt may differ from the tax service's data.
FIELD_NAMES = {
    "fp": "the fiscal sign (FP)",
    "at": "the date and time",
    "total": "the sum",
    "operation": "the kind of the receipt",
}
VERIFYING = "We check this receipt with the tax service. Keep the paper."
# What is wrong with one field of a receipt, scanned or typed.
FIELD_ERRORS = {
    "fn_invalid": "FN has 16 digits.",
    "fd_invalid": "FD is a number of up to ten digits.",
    "fp_invalid": "FP is a number of up to ten digits.",
    "date_invalid": "There is no such date and time. Write it as 22.11.2026 15:28.",
    "sum_invalid": "The sum is roubles and kopecks, as 232.20.",
    "operation_invalid": "The kind of the receipt is a number from 1 to 4; 1 is a purchase.",
}
# The typing error, where it can be recognised.
TYPING_ERRORS = {
    "missing": "This is missing.",
    "letters_for_digits": "There are letters among the digits.",
    "not_digits": "Enter digits only.",
    "fn_in_its_place": "This is FN, which has a field of its own.",
    "in_another_field": "FN is in another field.",
    "digit_missing": "A digit is missing.",
    "digit_too_many": "There is a digit too many.",
    "fd_and_fp_swapped": "FD and FP are swapped.",
    "thousands_separator": "Write the sum without separators between thousands.",
    "too_many_decimals": "Kopecks have two digits.",
    "negative": "The sum is not negative.",
    "time_missing": "The time of day is missing.",
    "zone": "Write the time as it is printed, without a zone.",
    "day_and_month_swapped": "The day and the month are swapped.",
}
RECEIPT_REASONS |= FIELD_ERRORS
REASONS = LINE_REASONS | RECEIPT_REASONS
