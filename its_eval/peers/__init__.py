"""Choosing peers: distances, presets, eligibility, balance."""
