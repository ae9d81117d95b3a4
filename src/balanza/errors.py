"""The errors that a user may see: what happened, where, and what to do."""


class BalanzaError(Exception):
    """One clear sentence for the user, without a traceback.

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
        self.problem, self.where, self.cure = _shortened(problem).rstrip("."), where, cure
        super().__init__(str(self))

    def __str__(self) -> str:
        start = f"{self.where}: " if self.where else ""
        end = f" {self.cure.rstrip('.')}." if self.cure else ""
        return f"{start}{self.problem}.{end}"


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
