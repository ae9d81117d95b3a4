"""Fetch pinned raw files, or say what a fetch would need."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from balanza.acquire.catalogue import PATH, hosts, load, select
from balanza.acquire.fetch import CACHE, check_mirror, fetch, missing, refuse_missing


def run(
    ids: Iterable[str],
    out: Path,
    mirror: str | Path | None = None,
    offline: bool = False,
    catalogue: Path = PATH,
    cache: Path = CACHE,
    check: bool = False,
    progress: bool = True,
) -> None:
    """Put the pinned files of some sources, or of all, into a folder.

    Parameters
    ----------
    ids : iterable of str
        Sources of the catalogue; none means all.
    out : Path
        The folder, for example data/raw/mexico.
    mirror : path, optional
        A folder to take files from.
    offline : bool
        Never touch the network, and list all that is missing at once.
    catalogue, cache : Path
        data/sources.csv and data/cache.
    check : bool
        Fetch nothing; print how much would have to be downloaded, or offline raise what is missing.
    progress : bool
        Show a progress bar per download on standard error.

    Raises
    ------
    ConfigError
        If the catalogue, an id or the mirror is not usable.
    SourceError
        If a file is missing offline, is not the pinned one, or cannot be downloaded.
    """
    sources = load(catalogue)
    chosen = select(sources, ids)
    folder = Path(mirror).expanduser() if mirror is not None else None
    check_mirror(folder)
    if offline:
        refuse_missing(chosen, folder, cache, out)
    if check:
        lacking = missing(chosen, folder, cache, out)
        megabytes = sum(source.bytes for source in lacking) / 1e6
        print(f"{len(chosen) - len(lacking)} files at hand, {len(lacking)} to download ({megabytes:.1f} MB)")
        return
    allowed = hosts(sources.values())
    for number, source in enumerate(chosen, start=1):
        origin = fetch(
            source,
            out / source.file,
            mirror=folder,
            offline=offline,
            cache=cache,
            hosts=allowed,
            progress=progress,
        )
        print(f"{number}/{len(chosen)} {source.file}: {source.bytes:,} bytes, {origin}")
