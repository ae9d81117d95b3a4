"""DoWhy's estimate of an effect by adjustment, from plain arrays: a fresh model and a fresh table each time."""

from __future__ import annotations

from typing import Literal

import numpy as np

Method = Literal["regression", "ipw", "doubly_robust"]
METHODS = {
    "regression": "backdoor.linear_regression",
    "ipw": "backdoor.propensity_score_weighting",
    "doubly_robust": "backdoor.doubly_robust",
}


def effect(outcome: np.ndarray, treatment: np.ndarray, covariates: np.ndarray, method: Method, target: str) -> float:
    """The effect of one unit of treatment.

    DoWhy keeps propensities on the model and writes into its table, so that neither is used twice; its default logit
    has a penalty, so that it is given one without.

    Parameters
    ----------
    outcome, treatment : ndarray, shape (n,)
    covariates : ndarray, shape (n, k)
    method : {"regression", "ipw", "doubly_robust"}
    target : {"ate", "att"}
    """
    import warnings

    import pandas as pd

    names = [f"x{index}" for index in range(covariates.shape[1])]
    values = treatment.astype(int) if method != "regression" else treatment
    table = pd.DataFrame(covariates, columns=names).assign(treatment=values, outcome=outcome)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas and statsmodels, at DoWhy's way of calling them
        from dowhy import CausalModel

        model = CausalModel(data=table, treatment="treatment", outcome="outcome", common_causes=names)
        estimand = model.identify_effect(method_name="maximal-adjustment", proceed_when_unidentifiable=True)
        found = model.estimate_effect(
            estimand, method_name=METHODS[method], target_units=target, method_params=_parameters(method)
        )
    return float(found.value)


def version() -> str:
    """DoWhy's version."""
    from importlib.metadata import version as of

    return of("dowhy")


def _parameters(method: Method) -> dict[str, object]:
    if method == "regression":
        return {}
    from sklearn.linear_model import LogisticRegression

    logit = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=200)
    inside = {"min_ps_score": np.finfo(float).tiny, "max_ps_score": 1.0}
    scheme = {"weighting_scheme": "ips_normalized_weight"} if method == "ipw" else {}
    return {"init_params": {"propensity_score_model": logit, **inside, **scheme}}
