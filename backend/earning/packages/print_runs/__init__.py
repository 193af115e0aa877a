"""Print files and labels of package codes."""
