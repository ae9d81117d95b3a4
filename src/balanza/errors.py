"""The errors that a user may see: what happened, where, and what to do."""

from balanza.say import Said, joined, say


class BalanzaError(Exception):
    """One clear sentence for the user, without a traceback; `str` of it keeps what the sentence was made of.

    Parameters
    ----------
    problem : str
        What happened.
    where : str, optional
        The study, file, row, column or estimator that it happened to.
    cure : str, optional
        What to do about it.
    """

    def __init__(self, problem: str, *, where: str | None = None, cure: str | None = None) -> None:
        self.problem, self.where, self.cure = _shortened(_open(problem)), where, cure
        super().__init__(str(self))

    def __str__(self) -> str:
        start = say("{where}: {problem}.", where=self.where, problem=self.problem) if self.where else self.problem + "."
        return joined([start, _open(self.cure) + "."], " ") if self.cure else start


def _open(text: str) -> str:
    """A sentence without its full stop."""
    return text if isinstance(text, Said) and not text.endswith(".") else text.rstrip(".")


_MOST_LETTERS = 2_000


def _shortened(problem: str) -> str:
    """What quotes a bad file is as long as the file makes it."""
    half = _MOST_LETTERS // 2
    return problem if len(problem) <= _MOST_LETTERS else f"{problem[:half]} ... {problem[-half:]}"


class SourceError(BalanzaError):
    """A raw file is not what its layout promises."""


class ConfigError(BalanzaError):
    """A configuration or study file is not usable."""


class GraphError(BalanzaError):
    """A causal graph is not usable, or cannot serve the study that names it."""


class PanelError(BalanzaError):
    """A panel cannot be built, or cannot serve the study that asks for it."""


class Unsupported(BalanzaError):
    """An estimator or check does not apply; the message names what it supports."""
