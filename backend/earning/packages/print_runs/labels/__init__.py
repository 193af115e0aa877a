"""Renders the files for the print shop: CSV, ZPL, PDF sheets, or a ZIP of QR codes. Pure."""
