"""Simulate the coverage of all estimators and write docs/coverage.csv and docs/coverage.md, a case at a time.

    python -m tests.simulated_coverage [--draws N] [--only NAME ...] [--page]

`make coverage` runs it with defaults, on one thread. A run that was stopped keeps the cases that it finished; `--only`
redoes some estimators, `--page` only writes the page anew from the csv.
"""

import argparse

from tests.simulated_coverage import table
from tests.simulated_coverage.simulation import CASES, DRAWS, simulate


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulate the coverage of estimators.")
    parser.add_argument("--draws", type=int, help="panels a case, by default 1,000, and 300 for the known failure")
    parser.add_argument("--only", nargs="+", help="estimators, all by default")
    parser.add_argument("--page", action="store_true", help="write only the page, from the csv")
    given = parser.parse_args()
    for case in [] if given.page else CASES:
        if not given.only or case.estimator in given.only:
            found = table.row(case, simulate(case, given.draws or DRAWS[case.group]))
            print(f"{case.name}, {case.design}: {found['coverage']} in {found['cpu_seconds']} CPU s", flush=True)
            table.renew([found])
    table.renew([])


if __name__ == "__main__":
    main()
