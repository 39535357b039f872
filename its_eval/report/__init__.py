"""Turning results into tables, figures and words; nothing here derives a new number."""
