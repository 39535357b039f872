"""XmR charts: limits, rules for special causes, and whether a series is fit for them."""
