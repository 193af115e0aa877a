"""Money: wallets, movements, lots, settlement. An owner here is just an id."""
