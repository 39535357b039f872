"""Settings of a table of projects measured before and after, reported beside the series."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from its_eval.config.settings import DISTINCT, Settings, TablePath, Text, without_blanks

Role = Literal["measure", "unit", "project", "baseline", "projects", "better", "t", "df", "n"]


class BeforeAfter(Settings):
    """A row per project and measure, or published t statistics with their degrees of freedom."""

    path: TablePath = Field(description="The table: measure, baseline, follow_up; or measure, t, df.")
    columns: Annotated[Mapping[Role, Text], BeforeValidator(without_blanks)] = Field(
        default={}, description="Column of a role, where it does not have its usual name."
    )
    follow_ups: Annotated[tuple[Text, ...], DISTINCT] = Field(
        default=(), description="Columns of the follow-ups in order of time; recognised when left out."
    )
