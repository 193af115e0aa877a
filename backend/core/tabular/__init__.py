"""Tables that people upload: one reader for every import, CSV or XLSX, understood or refused row by row."""
