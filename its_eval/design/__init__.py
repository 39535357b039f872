"""Design matrices of interrupted time series."""
