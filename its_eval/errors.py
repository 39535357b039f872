"""The one exception tree: every expected failure has an exit code, a message and a hint."""

from __future__ import annotations

from typing import ClassVar


class ItsEvalError(Exception):
    """Base of all expected errors.

    Parameters
    ----------
    message : str
        What was wrong and where (file, line, key, value), and what was expected.
    hint : str, optional
        What to do about it.

    Attributes
    ----------
    exit_code : int
        The process exit code of ``contract`` for this class of error.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ItsEvalError):
    """A command was called in a way that cannot be carried out."""

    exit_code = 2


class OutputError(UsageError):
    """The result could not be written where it was asked for."""


class ConfigError(UsageError):
    """The configuration is faulty.

    Parameters
    ----------
    problems : list of str
        Every fault found in one pass, each with file, line and key.
    hint : str, optional
        What to do about it.
    """

    def __init__(self, problems: list[str], hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint)
        self.problems = problems


class DataError(ItsEvalError):
    """The data cannot answer the question asked.

    Parameters
    ----------
    problems : list of str
        Every fault found in one pass, each with file, row, column and value.
    hint : str, optional
        What to do about it.
    """

    exit_code = 3

    def __init__(self, problems: list[str], hint: str | None = None) -> None:
        super().__init__("\n".join(problems), hint)
        self.problems = problems


class NothingEstimatedError(ItsEvalError):
    """No series of the run could be estimated."""

    exit_code = 4


class NotEstimableError(ValueError):
    """One series cannot be fitted as asked: a row of ``not_estimated``, and the others go on.

    Attributes
    ----------
    reason : str
        A fixed word for the table.
    """

    reason: ClassVar[str] = "not_estimable"
