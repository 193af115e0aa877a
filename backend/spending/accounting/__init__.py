"""Reports for accountants: taxes, payouts, registers."""
