"""XLSX (ECMA-376, part 1): read in a process of its own, within bounds. Knows nothing of the product."""
