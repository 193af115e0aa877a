"""Why a receipt or a line of it pays nothing, or not yet: what it means to a person and what can be done."""

RECEIPT = {
    # Its text is none, or a look-alike.
    "not_fiscal": "This is not the QR code of a fiscal receipt. Scan the one with the shop's name and the sum.",
    "self_employed_receipt": "This is a receipt of a self-employed person. Only receipts of cash registers count.",
    "egais_link": "This QR code is for the alcohol register. The receipt has another one: scan that.",
    "payment_link": "This QR code is for paying. The receipt has another one: scan that.",
    "marking_code": "This is a marking code of goods, not a receipt. Scan the receipt's QR code.",
    "ofd_link_incomplete": "This link lacks some of the numbers. Scan the printed QR code or type the numbers.",
    "incomplete_link": "This link lacks some of the numbers. Scan the printed QR code or type the numbers.",
    "too_long": "This is not the QR code of a fiscal receipt. Scan the one with the shop's name and the sum.",
    "duplicate_key": "Some numbers of this receipt stand in it twice. Scan it again.",
    "country_damaged": "The receipt's code is damaged. Scan it again from nearby.",
    # Refused as it is.
    "in_future": "The date of this receipt lies in the future. Check it.",
    "too_old": "This receipt is too old. Scan receipts soon after the purchase.",
    "is_return": "This is a receipt of a return. It pays nothing.",
    "not_a_purchase": "This receipt is not of a purchase. It pays nothing.",
    "is_correction": "This is a correction of the shop's. Send the receipt itself.",
    "already_claimed": "Somebody else has already sent this receipt.",
    "body_changed": "This id was used before for another receipt.",
    "account_closed": "This account is closed.",
    # After it was verified.
    "not_genuine": "The tax service does not know such a receipt. Check the numbers and send it again.",
    "differs": "The tax service's data differ from what was scanned. Check the numbers and send it again.",
    "bad_request": "The tax service does not take these numbers. Check them and send the receipt again.",
    "no_products": "None of the goods on this receipt takes part.",
    "not_found": "The tax service does not have this receipt yet. We look again; keep the paper.",
    "photo_needed": "A person will look at this receipt. Add a photo of the whole receipt.",
    "being_checked": "A person looks at this receipt. Keep the paper.",
    "rejected": "A person has looked at this receipt and found nothing that pays.",
}
LINE = {
    "doubtful": "The name on the receipt is not clear. A person looks at it.",
    "checked": "This is being checked.",
    "not_ours": "A person has looked at it: these goods do not take part.",
    "not_full_settlement": "Only goods that are fully paid and handed over count. Keep the final receipt and send it.",
    "shop_excluded": "The maker pays nothing for purchases in this shop.",
    "no_campaign": "Nothing is paid for this product now.",
    "quantity_limit": "More of this product than one receipt pays for.",
    "day_cap": "Your limit for today is reached.",
    "budget_spent": "The budget of this offer is spent.",
    "already_claimed": "This unit has been paid for already.",
    "returned": "The goods were returned.",
    "clawed_back": "The bonus was taken back after a check.",
}
# What is wrong with one number of a receipt, scanned or typed.
FIELDS = {
    "fn_invalid": "FN has 16 digits.",
    "fd_invalid": "FD is a number of up to ten digits.",
    "fp_invalid": "FP is a number of up to ten digits.",
    "date_invalid": "There is no such date and time. Write it as 22.11.2026 15:28.",
    "sum_invalid": "The sum is roubles and kopecks, as 232.20.",
    "operation_invalid": "The kind of the receipt is a number from 1 to 4; 1 is a purchase.",
}
# What the slip of the finger was, where it can be told.
SLIPS = {
    "missing": "This is missing.",
    "letters_for_digits": "There are letters among the digits.",
    "not_digits": "Only digits stand here.",
    "fn_in_its_place": "This is FN, which has a field of its own.",
    "in_another_field": "FN stands in another field.",
    "digit_missing": "A digit is missing.",
    "digit_too_many": "There is a digit too many.",
    "fd_and_fp_swapped": "FD and FP have changed places.",
    "thousands_separator": "Write the sum without separators between thousands.",
    "too_many_decimals": "Kopecks have two digits.",
    "negative": "The sum is not negative.",
    "time_missing": "The time of day is missing.",
    "zone": "Write the time as it is printed, without a zone.",
    "day_and_month_swapped": "The day and the month have changed places.",
}
RECEIPT |= FIELDS
REASONS = LINE | RECEIPT
