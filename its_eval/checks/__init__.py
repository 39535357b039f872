"""Is the estimate believable: power, diagnostics, placebos."""
