"""The joint effects of two arms, read from the estimates of a study, and the studies that are weighed beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from balanza.compare.pesos import Effects
from balanza.contract import Estimate, Study
from balanza.errors import ConfigError
from balanza.estimators import _rates
from balanza.provenance import read_json
from balanza.results import file_names, read_estimate
from balanza.say import say

Names = tuple[str, str]


def read(study: Study, folder: Path, estimator: str, names: Names) -> Effects | str:
    """The joint effects of an estimator, or the reason why it has none that pesos can be counted by.

    Parameters
    ----------
    study : Study
    folder : Path
        Of its estimates.
    estimator : str
    names : (str, str)
        Of the arms.
    """
    stems = file_names(estimator, study)
    found = {name: read_estimate(folder, stems[name]) for name in names}
    ran = {name: item for name, item in found.items() if item is not None}
    if len(ran) < len(names):
        return str(read_json(folder / f"{stems[names[0]]}.json")["reason"] or say("it did not run for both arms"))
    return joint_effects(study, ran, names)


def joint_effects(study: Study, found: Mapping[str, Estimate], names: Names) -> Effects | str:
    """Two effects with their covariance, which the contract keeps under `<treatment>:headline`; or why not."""
    scales = {item.scale for item in found.values()}
    yearly = _rates.is_rate(study) and all(item.rate_change is not None for item in found.values())
    if scales != {"log"} and not (scales == {"level"} and yearly):
        return say("its effects are neither proportional nor on the rate per 100,000 people a year")
    labels = [f"{name}:headline" for name in names]
    covariance = found[names[0]].covariance
    if covariance is None or not set(labels) <= set(covariance.columns):
        return say("it gives no joint covariance of the two effects")
    return Effects(
        value=np.array([found[name].value for name in names]),
        covariance=covariance.loc[labels, labels].to_numpy(float),
        freedom=found[names[0]].n_clusters - 1,
        scale="log" if scales == {"log"} else "rate",
    )


def require_same_arms(study: Study, other: Study, where: str) -> None:
    """Refuse to weigh a study beside another one whose doses are not the same.

    Raises
    ------
    ConfigError
        If treatments differ in name, column, unit or start, or the outcome does.
    """
    facts = [
        {(item.name, item.column, item.per, item.start, item.dose) for item in one.treatments}
        | {(one.outcome.column, one.outcome.exposure)}
        for one in (study, other)
    ]
    if facts[0] != facts[1]:
        raise ConfigError(
            f"the study {other.name} has not the treatments and the outcome of {study.name}",
            where=where,
            cure="Under `beside` name studies of the same doses and outcome, on other rows or with covariates",
        )
