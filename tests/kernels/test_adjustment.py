"""Adjustment against statsmodels, and influence against leaving rows out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import statsmodels.api as sm

from balanza.kernels import adjustment as kernel
from balanza.kernels.adjustment import Adjusted
from balanza.kernels.within import Degenerate

N = 300
Method = Callable[[np.ndarray, np.ndarray, np.ndarray], Adjusted]
METHODS: dict[str, Method] = {
    "regression": kernel.regression,
    "ate": lambda y, d, x: kernel.weighting(y, d, x, "ate"),
    "att": lambda y, d, x: kernel.weighting(y, d, x, "att"),
    "both": kernel.doubly_robust,
}


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, 3))
    d = (rng.random(N) < 1 / (1 + np.exp(-0.5 * x[:, 0] + 0.3 * x[:, 1]))).astype(float)
    return 1 + 2 * d + x @ [1.0, 0.5, 0.0] + d * x[:, 0] + rng.normal(size=N), d, x


def written_out(y: np.ndarray, d: np.ndarray, x: np.ndarray) -> dict[str, float]:
    """The four estimates from statsmodels' fits and their textbook formulas."""
    fit = sm.OLS(y, sm.add_constant(np.column_stack([d, x]))).fit()
    chance = sm.Logit(d, sm.add_constant(x)).fit(disp=0, tol=1e-12).predict()
    mean = lambda weight: float((weight * y).sum() / weight.sum())  # noqa: E731
    treated = fit.predict(sm.add_constant(np.column_stack([np.ones(N), x]), has_constant="add"))
    untreated = fit.predict(sm.add_constant(np.column_stack([np.zeros(N), x]), has_constant="add"))
    mended = treated + d * (y - treated) / chance - untreated - (1 - d) * (y - untreated) / (1 - chance)
    return {
        "regression": fit.params[1],
        "ate": mean(d / chance) - mean((1 - d) / (1 - chance)),
        "att": mean(d) - mean((1 - d) * chance / (1 - chance)),
        "both": mended.mean(),
    }


@pytest.mark.parametrize("method", METHODS)
def test_values(method: str) -> None:
    assert METHODS[method](*data()).value == pytest.approx(written_out(*data())[method], rel=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_influence_is_what_a_row_changes(method: str) -> None:
    """One row of fifty copies of the data is left out: the estimate moves by its influence, nuisances and all."""
    copies = tuple(np.concatenate([column] * 50) for column in data())
    found = METHODS[method](*copies)
    assert abs(found.influence.sum()) < 1e-9
    rows = np.arange(0, N, 5)
    moved = [
        found.value - METHODS[method](*(np.delete(column, row, axis=0) for column in copies)).value for row in rows
    ]
    np.testing.assert_allclose(found.influence[rows], moved, rtol=0.01, atol=0.01 * np.abs(moved).max())


def test_regression_error_is_the_sandwich_of_statsmodels() -> None:
    y, d, x = data()
    fit = sm.OLS(y, sm.add_constant(np.column_stack([d, x]))).fit(cov_type="HC0")
    assert np.linalg.norm(kernel.regression(y, d, x).influence) == pytest.approx(fit.bse[1])


def test_clustered_sums() -> None:
    values = np.arange(6.0)
    assert list(kernel.clustered(values, np.array([7, 2, 7, 2, 2, 9]))) == [8, 2, 5]


def test_separation_and_collinearity_are_refused() -> None:
    y, d, x = data()
    for method in ("ate", "att", "both"):
        with pytest.raises(Degenerate, match="separated"):
            METHODS[method](y, d, np.column_stack([x, d + 0.1 * x[:, 0]]))
    with pytest.raises(Degenerate) as problem:
        kernel.regression(y, d, np.column_stack([x, d]))
    assert problem.value.index == 0
    with pytest.raises(Degenerate) as problem:
        kernel.regression(y, d, np.column_stack([x, x[:, 1]]))
    assert problem.value.index is None
