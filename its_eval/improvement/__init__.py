"""Measures of improvement projects: paired comparisons before and after, and XmR charts."""
