"""What if? Other choices for one unit, answered in the reader's browser (README.md beside this file)."""
