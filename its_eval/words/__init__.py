"""Words for people: the only place below the report where sentences are made."""
