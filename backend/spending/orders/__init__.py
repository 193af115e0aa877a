"""Orders of rewards, from placing to fulfilment."""
