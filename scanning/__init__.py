"""Reading codes: texts and pictures in, what they mean out. Knows no database, no web and no clock."""
