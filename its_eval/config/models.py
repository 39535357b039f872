"""The whole config as one frozen object, and the checks that span several of its keys.

Keys are validated in the contract's order, and a check stands at the last of the keys it needs. So a fault in
one key hides only the checks that need it, and everything else is still reported in the same pass.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from its_eval.config import conduct, crosschecks
from its_eval.config.analysis import (
    BeforeAfter,
    Checks,
    Design,
    Estimands,
    Event,
    Intervention,
    Looks,
    Multiplicity,
    Output,
    Sensitivity,
)
from its_eval.config.data import DataSettings
from its_eval.config.estimators import Estimator, Estimators
from its_eval.config.faults import Fault, custom_error, refuse, show
from its_eval.config.outcomes import Missing, Outcome, OutcomeDefaults, OutcomesFrom, resolve_outcome
from its_eval.config.peers import PeerSettings
from its_eval.config.protocol import Declarations
from its_eval.config.settings import DIGITS, DISTINCT, Code, Origin, PeriodText, Settings, Text
from its_eval.config.simulation import Simulation
from its_eval.effects.estimands import AVERAGE_EFFECT


def _listed_units(value: object) -> object:
    """Refuse what is none of the three forms here: each branch of a union would complain otherwise."""
    expected = "a list of unit codes, e.g. [RTP, RR8], a date for each, e.g. {RTP: 2015-07}, or each"
    if isinstance(value, str) and value != "each":
        raise custom_error(show(value), expected)
    if isinstance(value, Mapping):
        if not value:
            raise custom_error("no unit", expected)
        blank = [str(unit) for unit, date in value.items() if not isinstance(date, str) or not date.strip()]
        if blank:
            raise custom_error(f"no date for {', '.join(blank)}", "a period for each unit, e.g. 2015-07")
        return {str(unit).strip(): str(date).strip() for unit, date in value.items()}
    return value


def _treated_form(value: object) -> str:
    """Return which form `treated` has, so that only the faults of that form are told."""
    if isinstance(value, Mapping):
        return "[dates]"
    return "[each]" if value == "each" else "[list]"


def _listed_outcomes(value: object) -> object:
    # reading a dictionary is the loader's work, as only it knows the folder and can name lines
    if isinstance(value, Mapping):
        raise custom_error("a mapping", "a list of outcomes, each with its `indicator`")
    return value


def _default_designs(validated: dict[str, Any]) -> tuple[Design, ...]:
    # older pydantic asks for a default even where the peers are faulty, and are not there
    return ("single", "difference") if validated.get("peers") is not None else ("single",)


class Config(Settings):
    """A whole evaluation: what was asked of which data, and how it is to be answered.

    Every default is filled in: an outcome has its own estimators, label and so on, whether they were written
    with it, in `outcome_defaults`, or nowhere.
    """

    version: Annotated[Literal[1], DIGITS] = Field(description="Version of the config language: 1.")
    title: str = Field(
        default_factory=str, description="Title of the evaluation; the name of the file when left out."
    )
    data: DataSettings = Field(description="Where the data are and how they are read.")
    intervention: Intervention = Field(description="The intervention under evaluation.")
    looks: Looks | None = Field(
        default=None,
        description="Looks at growing data that are declared beforehand: p-values and intervals of verdicts "
        "hold over all of them together. Left out: one look.",
    )
    treated: Annotated[
        Annotated[tuple[Code, ...], Field(min_length=1), DISTINCT, Tag("[list]")]
        | Annotated[Mapping[Code, PeriodText], Tag("[dates]")]
        | Annotated[Literal["each"], Tag("[each]")],
        Discriminator(_treated_form),
        BeforeValidator(
            _listed_units, json_schema_input_type=list[Code] | dict[str, PeriodText] | Literal["each"]
        ),
    ] = Field(
        description="Codes of the treated units; or dates of their own {RTP: 2015-07}; or `each`: every unit "
        "in turn."
    )
    events: tuple[Event, ...] = Field(default=(), description="Other things that happened.")
    peers: PeerSettings | None = Field(
        default=None, description="How peers are chosen; left out: no comparison with peers."
    )
    outcome_defaults: OutcomeDefaults = Field(
        default_factory=OutcomeDefaults, description="What outcomes take when they do not say otherwise."
    )
    outcomes: Annotated[
        tuple[Outcome, ...],
        Field(min_length=1),
        BeforeValidator(_listed_outcomes, json_schema_input_type=list[Outcome] | OutcomesFrom),
    ] = Field(description="What is evaluated: a list of outcomes, or {from: dictionary.csv}.")
    designs: Annotated[
        tuple[Design, ...],
        Field(min_length=1),
        DISTINCT,
    ] = Field(
        default_factory=_default_designs,
        description="single: the treated unit alone; difference: the unit minus its peers (needs `peers`); "
        "peer_mean, stacked, synthetic, sdid, augmented_synthetic. Single and difference when there are "
        "peers.",
    )
    estimators: Estimators = Field(
        default=(Estimator(name="reml_ar", label="reml_ar"),),
        description="How the model is estimated; the first is primary.",
    )
    estimands: Estimands = Field(
        default_factory=Estimands, validate_default=True, description="What is estimated."
    )
    # nearer to 1 the quantiles of t lose their digits, and then end at infinity
    confidence: float = Field(default=0.95, gt=0.5, le=0.999999, description="Level of the intervals.")
    min_segment: int | None = Field(
        default=None,
        ge=3,
        description="Periods of a segment that are enough for ols and newey_west: published analyses fit "
        "trends to fewer than 8. Flagged short_segment.",
    )
    checks: Checks = Field(default_factory=Checks, description="Which falsification checks are run.")
    multiplicity: Multiplicity = Field(
        default_factory=Multiplicity, description="How p-values are adjusted for several questions."
    )
    sensitivity: Sensitivity = Field(
        default_factory=Sensitivity, description="Other choices to try, a list per dimension."
    )
    output: Output = Field(default_factory=Output, description="What is written.")
    before_after: BeforeAfter | None = Field(
        default=None, description="Projects measured before and after, reported beside the series."
    )
    simulation: Simulation | None = Field(
        default=None, description="Series that `its-eval simulate` makes up; a run ignores it."
    )
    protocol: Declarations = Field(
        default_factory=Declarations,
        description="What a protocol says besides the settings, see `its-eval protocol`.",
    )
    deviations: Mapping[Text, Text] = Field(
        default={},
        description="Reasons for deviations from the protocol, by item as the table `deviations` names it: "
        "{peers.k: one peer closed}; a part of a name, such as peers, holds for all under it.",
    )
    seed: int = Field(default=20150701, ge=0, description="Seed of everything random.")
    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def origin(self) -> Origin:
        """Where it was read; of one that was not read from a file, the working folder."""
        return self._origin

    def read_from(self, origin: Origin) -> None:
        """Note where it was read; for the loader only."""
        self._origin = origin

    @property
    def treated_units(self) -> tuple[str, ...]:
        """The treated units that are named; none for ``each``, where the data say which units there are."""
        return () if isinstance(self.treated, str) else tuple(self.treated)

    @property
    def treated_dates(self) -> Mapping[str, str]:
        """First affected period of units that have one of their own."""
        return self.treated if isinstance(self.treated, Mapping) else {}

    def missing_of(self, outcome: Outcome) -> Missing:
        """Return what becomes of missing periods of an outcome."""
        return outcome.missing or self.data.missing

    @property
    def each(self) -> bool:
        """Whether every unit is evaluated in turn, all others being its donors."""
        return self.treated == "each"

    @field_validator("intervention")
    @classmethod
    def _check_intervention(cls, value: Intervention, info: ValidationInfo) -> Intervention:
        refuse("intervention", crosschecks.intervention_faults(value, info.data.get("data")))
        return value

    @field_validator("treated")
    @classmethod
    def _check_treated(cls, value: Any, info: ValidationInfo) -> Any:
        faults = crosschecks.treated_faults(value, info.data.get("intervention"), info.data.get("data"))
        refuse("treated", faults)
        return value

    @field_validator("events")
    @classmethod
    def _check_events(cls, value: tuple[Event, ...], info: ValidationInfo) -> tuple[Event, ...]:
        intervention = info.data.get("intervention")
        refuse("events", crosschecks.event_faults(value, info.data.get("data"), intervention))
        return value

    @field_validator("peers")
    @classmethod
    def _check_peers(cls, value: PeerSettings, info: ValidationInfo) -> PeerSettings:
        # never None: a blank key is dropped before, and defaults are not validated
        refuse("peers", crosschecks.peer_faults(value, info.data.get("data"), info.data.get("treated")))
        return value

    @field_validator("outcomes")
    @classmethod
    def _resolve_outcomes(cls, value: tuple[Outcome, ...], info: ValidationInfo) -> tuple[Outcome, ...]:
        defaults = info.data.get("outcome_defaults", OutcomeDefaults())
        outcomes = tuple(resolve_outcome(entry, defaults) for entry in value)
        inherited = [defaults.model_fields_set - entry.model_fields_set for entry in value]
        refuse("outcomes", crosschecks.outcome_faults(outcomes, inherited, info.data))
        return outcomes

    @field_validator("designs")
    @classmethod
    def _check_designs(cls, value: tuple[Design, ...], info: ValidationInfo) -> tuple[Design, ...]:
        refuse(
            "designs", crosschecks.design_faults(value, has_peers=info.data.get("peers", True) is not None)
        )
        return value

    @field_validator("estimands")
    @classmethod
    def _check_estimands(cls, value: Estimands, info: ValidationInfo) -> Estimands:
        data, intervention = info.data.get("data"), info.data.get("intervention")
        settled = value
        if "at" not in value.model_fields_set:
            year = 12 if data is None else data.calendar.per_year
            settled = value.model_copy(update={"at": (year, 2 * year)})
            # whether the question was stated is told in the output; that `at` was filled in is not
            settled.__pydantic_fields_set__.discard("at")
        projected = intervention is not None and intervention.fit == "before"
        if projected and "primary" not in value.model_fields_set:
            # all later periods together are what a prediction is held against
            settled = settled.model_copy(update={"primary": AVERAGE_EFFECT.name})
            settled.__pydantic_fields_set__.discard("primary")
        refuse("estimands", settled.faults())
        if intervention is not None:
            refuse("estimands", crosschecks.estimand_faults(settled, intervention.shape))
        return settled

    @field_validator("sensitivity")
    @classmethod
    def _check_sensitivity(cls, value: Sensitivity, info: ValidationInfo) -> Sensitivity:
        has_peers = info.data.get("peers", True) is not None
        faults = crosschecks.sensitivity_faults(
            value, info.data.get("data"), info.data.get("intervention"), has_peers=has_peers
        )
        refuse("sensitivity", [*faults, *crosschecks.history_faults(value, info.data.get("peers"))])
        return value

    @field_validator("simulation")
    @classmethod
    def _check_simulation(cls, value: Simulation, info: ValidationInfo) -> Simulation:
        intervention: Intervention | None = info.data.get("intervention")
        refuse("simulation", [] if intervention is None else value.faults(intervention.shape))
        return value

    @field_validator("protocol")
    @classmethod
    def _check_protocol(cls, value: Declarations, info: ValidationInfo) -> Declarations:
        refuse("protocol", conduct.protocol_faults(value, info.data.get("outcomes", ())))
        return value

    @model_validator(mode="after")
    def _common_estimators(self) -> Self:
        outcomes = tuple(
            outcome.model_copy(update={"estimators": outcome.estimators or self.estimators})
            for outcome in self.outcomes
        )
        refuse("estimators", crosschecks.estimator_faults(outcomes, self.designs, self.intervention.shape))
        self.settle(outcomes=outcomes)
        return self

    @model_validator(mode="after")
    def _fit_for_looks(self) -> Self:
        if self.looks is not None:
            by_rank = self.peers is not None and self.peers.match == "pre_period"
            faults = conduct.looks_faults(self.looks, self.intervention, self.designs, self.outcomes)
            primary = self.estimands.primary
            unjudged = conduct.unjudged_faults(self.output, self.outcomes, primary, by_rank=by_rank)
            refuse("looks", [*faults, *unjudged])
        return self

    @model_validator(mode="after")
    def _fit_for_detail(self) -> Self:
        refuse("output", conduct.storage_faults(self.data, self.output))
        before_after = self.before_after is not None
        refuse("data", conduct.disclosure_faults(self.data, self.outcomes, before_after=before_after))
        if self.output.detail == "estimates":
            if self.before_after is not None:
                what = "before_after is not for a batch run"
                refuse("output", [Fault(("before_after",), what, "this key left out", absolute=True)])
            faults = conduct.estimates_faults(
                self.data,
                self.peers,
                self.outcomes,
                self.designs,
                self.estimands.primary,
                self.sensitivity,
                self.multiplicity.across,
            )
            refuse("output", faults)
        return self
