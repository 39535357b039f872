"""How long the fuzzers try: a fixed budget by default, more with FUZZ_EXAMPLES (``make fuzz``)."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
#: Examples of a quick fuzzer; slower ones take a part of them.
BUDGET = int(EXAMPLES or 100)

settings.register_profile(
    "fuzz",
    max_examples=BUDGET,
    deadline=None,
    # the same examples every time in continuous integration, others each time it is run for longer
    derandomize=EXAMPLES is None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("fuzz")
