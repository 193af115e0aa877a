"""What an operator needs: health, metrics, scheduled jobs, audits, key rotation."""
