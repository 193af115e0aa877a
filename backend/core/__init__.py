"""What every feature uses: HTTP, database, security, storage, tables, settings, language."""
