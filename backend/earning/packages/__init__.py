"""Package codes: batches, the files for the print shop, claims, codes and marks made elsewhere."""
