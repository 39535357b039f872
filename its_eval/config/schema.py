"""The JSON Schema of the config, from the settings themselves."""

from typing import Any

from its_eval.config.models import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a config file.

    Values that this version refuses are part of it and are listed as ``x-not-available``.
    """
    schema = Config.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, **schema, "title": "its-eval config, version 1"}
