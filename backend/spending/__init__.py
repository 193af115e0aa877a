"""How agents spend: wallets, rewards, orders, gift cards, limits, accounting."""
