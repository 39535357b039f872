"""Batch runs: estimates alone, for very many series, block by block on any executor."""
