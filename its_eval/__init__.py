"""Interrupted time series evaluation for health services."""
