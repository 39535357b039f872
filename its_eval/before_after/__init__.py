"""Paired measurements before and after a project: changes, tests, effect sizes."""
