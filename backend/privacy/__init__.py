"""What a person may ask of us: everything we hold, and to be forgotten."""
