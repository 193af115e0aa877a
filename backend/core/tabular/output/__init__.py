"""Tables written as CSV, XLSX and PDF."""
