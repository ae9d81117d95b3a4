"""An environment of its own for the packages that cannot live beside this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PINS = ("moderndid==0.2.0", "polars==1.44.2", "scipy==1.17.1", "numpy==2.4.6", "pandas==3.1.1", "statsmodels==0.15.0")


def python(folder: Path) -> str:
    """The Python of that environment, which is made and filled first where it is not there or has other versions."""
    found, stamp = folder.absolute() / "bin" / "python", folder / "installed"
    if not stamp.exists() or stamp.read_text("utf-8").split() != list(PINS):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([found, "-m", "pip", "install", "--quiet", *PINS], check=True, env=_environment())
        stamp.write_text("\n".join(PINS), "utf-8")
    return str(found)


def _environment() -> dict[str, str]:
    """pip must not look at the packages of the environment that calls it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
