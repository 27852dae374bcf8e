"""Files → tables: read, map columns to the vocabulary, clean, take stock, simulate."""
