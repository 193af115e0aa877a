"""What brands owe shops: debts, statements, links between a shop and a brand."""
