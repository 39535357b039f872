"""Comparisons: what a series is compared with, from nothing to a mixture of donors."""
