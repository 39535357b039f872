"""From fitted parameters to the quantities people ask about, each with one interval and one p-value."""
