"""Normal equations of many blocks that share some unknowns: each block's own unknowns are eliminated first.

A block (a cohort) has a symmetric matrix over D columns; some columns are its own, the rest are shared by all blocks.
Own unknowns are solved for by Cholesky, the shared ones from the sum of the Schur complements by a generalised inverse,
so that combinations which the data do not pin down are left at zero and can be told from those which they do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

RIDGE = 1e-13
WEAK = 1e-8
NULL = 1e-10
ESTIMABLE = 1e-6


@dataclass(frozen=True)
class _Block:
    """One eliminated block: own and shared columns, factor and null space of the own part, pull of the shared on it."""

    own: np.ndarray
    shared: np.ndarray
    scale: np.ndarray
    factor: np.ndarray
    pull: np.ndarray
    null: np.ndarray

    def solve(self, values: np.ndarray) -> np.ndarray:
        """Own part solved for (n_own, n) right-hand sides."""
        scaled = self.scale[:, None] * values
        return np.asarray(self.scale[:, None] * linalg.cho_solve((self.factor, True), scaled, check_finite=False))


@dataclass(frozen=True)
class Blocks:
    """The eliminated system: blocks, generalised inverse and null space of the shared part, and the rank of it all."""

    blocks: tuple[_Block, ...]
    inverse: np.ndarray
    scale: np.ndarray
    null: np.ndarray
    rank: int

    def solve(self, own: np.ndarray, shared: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solve for right-hand sides.

        Parameters
        ----------
        own : ndarray, shape (n_blocks, D, n)
            Right-hand sides of the blocks; entries of shared columns are ignored.
        shared : ndarray, shape (D, n)
            Right-hand sides of the shared columns; entries of columns that no block shares are ignored.

        Returns
        -------
        ndarray, shape (n_blocks, D, n)
            For each block the solution of all its columns, own and shared.
        ndarray, shape (D, n)
            The solution of the shared columns.
        """
        total = shared.copy()
        parts = []
        for block, values in zip(self.blocks, own, strict=True):
            part = block.solve(values[block.own])
            total[block.shared] -= block.pull.T @ values[block.own]
            parts.append(part)
        common = self.inverse @ total
        out = np.zeros_like(own)
        for index, (block, part) in enumerate(zip(self.blocks, parts, strict=True)):
            out[index, block.shared] = common[block.shared]
            out[index, block.own] = part - block.pull @ common[block.shared]
        return out, common

    def estimable(self, index: int, own: np.ndarray, shared: np.ndarray) -> np.ndarray:
        """Which linear functions of one block's and the shared unknowns the data pin down.

        Parameters
        ----------
        index : int
            The block.
        own : ndarray, shape (D, n)
            Gradients with respect to the block's own columns.
        shared : ndarray, shape (D, n)
            Gradients with respect to the shared columns.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        block = self.blocks[index]
        rest = shared.copy()
        rest[block.shared] -= block.pull.T @ own[block.own]
        mine = _outside(block.null, block.scale[:, None] * own[block.own])
        return np.asarray(mine & _outside(self.null, self.scale[:, None] * rest))


def eliminate(matrices: np.ndarray, own: np.ndarray) -> Blocks:
    """Eliminate each block's own columns.

    Parameters
    ----------
    matrices : ndarray, shape (n_blocks, D, D)
        Symmetric and positive semi-definite.
    own : ndarray of bool, shape (n_blocks, D)
        Columns that belong to the block alone. Those without any information are left out.
    """
    size = matrices.shape[1]
    total = np.zeros((size, size))
    blocks, rank = [], 0
    for matrix, mine in zip(matrices, own, strict=True):
        block = _block(matrix, mine)
        at = np.ix_(block.shared, block.shared)
        total[at] += matrix[at] - matrix[np.ix_(block.shared, block.own)] @ block.pull
        blocks.append(block)
        rank += len(block.own) - block.null.shape[1]
    diagonal = np.diag(total)
    scale = np.where(diagonal > 0, 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)), 0.0)
    values, vectors = linalg.eigh(total * np.outer(scale, scale))
    kept = values > NULL
    half = vectors[:, kept] * (scale[:, None] / np.sqrt(values[kept]))
    return Blocks(tuple(blocks), half @ half.T, scale, vectors[:, ~kept], rank + int(kept.sum()))


def _block(matrix: np.ndarray, mine: np.ndarray) -> _Block:
    own, shared = np.flatnonzero(mine & (np.diag(matrix) > 0)), np.flatnonzero(~mine)
    scale = 1 / np.sqrt(np.diag(matrix)[own])
    scaled = matrix[np.ix_(own, own)] * np.outer(scale, scale)
    # The ridge lets directions without information pass; their right-hand sides are zero.
    factor = np.tril(linalg.cholesky(scaled + RIDGE * np.eye(len(own)), lower=True, check_finite=False))
    null = np.zeros((len(own), 0))
    if len(own) and np.diag(factor).min() ** 2 < WEAK:
        values, vectors = linalg.eigh(scaled)
        null = vectors[:, values <= NULL]
    across = scale[:, None] * matrix[np.ix_(own, shared)]
    pull = scale[:, None] * linalg.cho_solve((factor, True), across, check_finite=False)
    return _Block(own, shared, scale, factor, pull, null)


def _outside(null: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Whether gradients, shape (n_columns, n), have no part in the null space."""
    size = np.linalg.norm(gradients, axis=0)
    return np.asarray(np.linalg.norm(null.T @ gradients, axis=0) <= ESTIMABLE * np.maximum(size, np.finfo(float).tiny))
