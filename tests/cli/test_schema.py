"""``its-eval schema``."""

import json

from its_eval.config import json_schema


def test_it_prints_the_schema_and_nothing_else(its):
    answer = its("schema")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out) == json_schema()
