"""The sections of a report, each made from the tidy tables by one function."""
