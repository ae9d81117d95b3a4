"""One verb in this process, as its own command would run it."""

from __future__ import annotations

import sys
import traceback


def run(words: list[str]) -> int:
    """Run a verb with its options, and return the exit code that its command would end with."""
    from balanza.__main__ import main

    sys.argv = ["balanza", *words]
    code: int | str | None = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)
