"""Runs a verb of the command line."""

from __future__ import annotations

import sys

from balanza.commands import data, graph, make, run, study, world  # noqa: F401 - each adds its verbs
from balanza.commands.options import app
from balanza.errors import BalanzaError

__all__ = ["app", "main"]


def main() -> None:
    """Run a verb; an error that the user can mend is one sentence, not a traceback."""
    try:
        app()
    except (BalanzaError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
