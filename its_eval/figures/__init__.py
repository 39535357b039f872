"""Figures: each is computed as a table first and drawn from that alone."""
