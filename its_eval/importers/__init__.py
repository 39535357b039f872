"""Publishers' files into the tidy table: what their columns mean stands in layouts, not in code."""
