"""Who can show a receipt by its requisites: a client for each, all answering in the same words."""
