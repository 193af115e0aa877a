"""Files for the print shop: a pure picture of a batch as CSV, ZPL, PDF sheets or a ZIP of QR codes."""
