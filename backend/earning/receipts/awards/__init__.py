"""What the lines of a receipt earn, and what returns take back."""
