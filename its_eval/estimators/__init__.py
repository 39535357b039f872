"""Estimators: one design matrix, many series."""
