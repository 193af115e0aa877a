"""The catalogue of rewards, prices and rates."""
