"""Anonymous accounts: card, devices, recovery, PIN, passkeys."""
