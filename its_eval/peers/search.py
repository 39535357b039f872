"""The nearest candidates of many units at once: a search in blocks, and exact distances of those that count.

Matrix products give squared distances fast and nearly: what lies within a millionth of the last place is
worked out again, as a distance of two units is, so that neither who is near nor any digit depends on the way
it was found. Missing cells are products with masks. Beyond some 10,000 units scikit-learn's blocked search is
faster, and only what it cannot settle is searched here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    Places = NDArray[np.intp]

#: Squared distances within this share of a place are worked out exactly.
MARGIN = 2e-6
#: Squared distances held at once.
BLOCK = 1 << 19
#: Candidates so many times as those that may serve are few enough to put all of them in order.
FEW_ASIDE = 4
#: Units beyond which the search of scikit-learn repays its import.
MANY_UNITS = 10_000
#: Rows that one call of it answers, and neighbours more than asked for.
ROWS_AT_ONCE, RESERVE = 8_192, 16
#: Searches kept, as long as the characteristics are.
KEPT = 8


class Products(Protocol):
    """Squared distances by matrix products: nearly right, and how nearly."""

    @property
    def points(self) -> FloatArray | None:
        """Points whose straight-line distances they are; None where there are none."""

    def slack(self, rows: Places) -> FloatArray:
        """Return how far a squared distance of each row may be off by rounding, shape (rows,)."""

    def blocks(self, rows: Places, places: Places, size: int) -> Iterator[Places]:
        """Yield some places among rows in blocks."""

    def block(self, rows: Places, columns: Places | None) -> tuple[FloatArray, FloatArray]:
        """Return squared distances of rows and columns, infinite where not comparable, and their slack."""


class _Measured(Protocol):
    """What a search asks of characteristics; see `its_eval.peers.distance.Scaled`."""

    @property
    def units(self) -> tuple[str, ...]: ...
    @property
    def scaled(self) -> FloatArray: ...
    @property
    def weights(self) -> FloatArray: ...
    @property
    def metric(self) -> str: ...
    @property
    def is_category(self) -> BoolArray: ...
    @property
    def covariance(self) -> FloatArray: ...
    def coordinates(self) -> FloatArray | None: ...
    def between(self, one: Places, other: Places) -> FloatArray: ...
    def enough(self, shared: FloatArray) -> BoolArray: ...
    def products(self) -> Products | None: ...


class Neighbours(Struct, frozen=True):
    """The nearest eligible candidates of some units, nearest first, ties by code.

    Attributes
    ----------
    rows : ndarray of int, shape (units, k)
        Their rows in the table; -1 where a unit has fewer.
    distances : ndarray, shape (units, k)
        NaN where there is none.
    ranks : ndarray of int, shape (units, k)
        Rank among all other units, 1 for the nearest; 0 where there is none or it was not asked for.
    """

    rows: Places
    distances: FloatArray
    ranks: NDArray[np.int64]

    @classmethod
    def none(cls, units: int, k: int) -> Neighbours:
        """Return places for the neighbours of some units."""
        blank = np.zeros((units, k), dtype=np.int64)
        return cls(np.full((units, k), -1, dtype=np.intp), np.full((units, k), np.nan), blank)

    def of(self, units: Places) -> Neighbours:
        """Return those of some of the units."""
        return Neighbours(self.rows[units], self.distances[units], self.ranks[units])


def tie_keys(distances: FloatArray) -> FloatArray:
    """Return distances to twelve digits, infinite where not known.

    Two that are equal then are a tie: they differ by rounding alone.
    """
    distinct, where = np.unique(distances, return_inverse=True)
    keys = [float(f"{distance:.12g}") for distance in distinct.tolist()]
    rounded = np.array(keys, dtype=np.float64)[where.reshape(distances.shape)]
    return np.where(np.isnan(rounded), np.inf, rounded)


class Search(Struct, dict=True):
    """Searches among the units of one table, with what they share.

    Attributes
    ----------
    scaled : Scaled
        Characteristics of all units.
    """

    scaled: _Measured

    @cached_property
    def _known(self) -> dict[object, Neighbours]:
        return {}

    def everyone(self, k: int) -> Neighbours:
        """Return the k nearest others of every unit of the table, worked out once."""
        return self._once(("everyone", k), np.arange(len(self.scaled.units)), k, None, ranks=True)

    def within(self, members: BoolArray, k: int) -> Neighbours:
        """Return the k nearest others among some units for each of these, in the order of the table."""
        rows = np.flatnonzero(members)
        return self._once((members.tobytes(), k), rows, k, members, ranks=False)

    def _once(
        self, key: object, rows: Places, k: int, eligible: BoolArray | None, *, ranks: bool
    ) -> Neighbours:
        if key not in self._known:
            while len(self._known) >= KEPT:
                del self._known[next(iter(self._known))]
            self._known[key] = self._search(rows, k, eligible, ranks=ranks)
        return self._known[key]

    def nearest(
        self, rows: Places, k: int, eligible: BoolArray | None = None, *, ranks: bool = True
    ) -> Neighbours:
        """Return the k nearest eligible others of some units.

        Parameters
        ----------
        rows : ndarray of int, shape (U,)
            The units.
        k : int
            At most so many each.
        eligible : ndarray of bool, shape (units,), optional
            Who may be found; everybody by default. A unit never finds itself.
        ranks : bool
            Whether ranks among all units are wanted, which takes the distances to all.
        """
        if eligible is not None and eligible.all():
            eligible = None
        if eligible is None and ranks and 2 * len(rows) > len(self.scaled.units):
            return self.everyone(k).of(rows)
        return self._search(rows, k, eligible, ranks=ranks)

    def ranked(self, row: int, columns: Places) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return distances of some units from one, and their ranks among all others.

        Returns
        -------
        distances : ndarray, shape (columns,)
            NaN where not comparable.
        ranks : ndarray of int, shape (columns,)
            0 where not comparable.
        """
        own = np.array([row], dtype=np.intp)
        distances = self.scaled.between(np.broadcast_to(own, columns.shape), columns)
        ranks = np.zeros(len(columns), dtype=np.int64)
        order = np.argsort(distances, kind="stable")[: int((~np.isnan(distances)).sum())]
        if order.size:
            squares, slack = self._squares.block(own, None)
            squares[0, row] = np.inf
            place = (np.zeros(order.size, dtype=np.intp), columns[order], distances[order])
            ranks[order] = self._ranks(own, squares, slack, *place)
        return distances, ranks

    @cached_property
    def _squares(self) -> Products:
        return self.scaled.products() or _Squares(self.scaled)

    @cached_property
    def _by_code(self) -> Places:
        """The place of each unit by code."""
        order = sorted(range(len(self.scaled.units)), key=self.scaled.units.__getitem__)
        places = np.empty(len(order), dtype=np.intp)
        places[order] = np.arange(len(order))
        return places

    def _search(self, rows: Places, k: int, eligible: BoolArray | None, *, ranks: bool) -> Neighbours:
        found = Neighbours.none(len(rows), k)
        every = np.arange(len(rows))
        if k == 0 or not len(rows) or (eligible is not None and not eligible.any()):
            return found
        points = self._squares.points
        if points is not None and len(self.scaled.units) > MANY_UNITS and len(rows) > 1:
            every = self._by_library(rows, k, eligible, found, points, ranks=ranks)
        columns = None if ranks or eligible is None else np.flatnonzero(eligible)
        width = len(self.scaled.units) if columns is None else len(columns)
        # what one block shares of its rows is best alike in what is missing
        for block in self._squares.blocks(rows, every, max(1, BLOCK // width)):
            self._fill(rows, block, k, eligible, columns, found, ranks=ranks)
        return found

    def _fill(
        self,
        rows: Places,
        block: Places,
        k: int,
        eligible: BoolArray | None,
        columns: Places | None,
        found: Neighbours,
        *,
        ranks: bool,
    ) -> None:
        """Find the neighbours of one block of rows."""
        own = rows[block]
        squares, slack = self._squares.block(own, columns)
        if columns is None:
            squares[np.arange(len(own)), own] = np.inf
        else:
            place = np.searchsorted(columns, own)
            itself = columns[np.minimum(place, len(columns) - 1)] == own
            squares[np.flatnonzero(itself), place[itself]] = np.inf
        allowed = squares
        if eligible is not None and columns is None:
            allowed = np.where(eligible, squares, np.inf)
        last = min(k, allowed.shape[1]) - 1
        kth = np.partition(allowed, last, axis=1)[:, last]
        limit = np.where(np.isfinite(kth), kth * (1.0 + MARGIN) + slack, np.finfo(np.float64).max)
        within = allowed <= limit[:, None]
        n_within, counted = int(within.sum()), allowed is squares
        if ranks and not counted:
            # where few are set aside, those that are nearer are put in order with the others
            nearer = squares <= limit[:, None]
            counted = int(nearer.sum()) <= FEW_ASIDE * n_within
            within = nearer if counted else within
        at, column = within.nonzero()
        column = column if columns is None else columns[column]
        at, column, exact, position = self._in_order(own, at, column)
        rank = position + 1
        if counted and eligible is not None:
            may = eligible[column]
            before: Places = np.cumsum(may) - may
            position = before - before[np.searchsorted(at, at)]
            taken = may & (position < k) & np.isfinite(exact)
        else:
            taken = (position < k) & np.isfinite(exact)
        at, column, exact, position = at[taken], column[taken], exact[taken], position[taken]
        found.rows[block[at], position] = column
        found.distances[block[at], position] = exact
        if not ranks:
            return
        found.ranks[block[at], position] = rank[taken]
        if counted or not at.size:
            return
        # whoever is nearer and not eligible comes before
        farthest = np.full(len(own), -np.inf)
        np.maximum.at(farthest, at, exact**2 * (1.0 + MARGIN) + slack[at])
        nearer = squares <= farthest[:, None]
        passed = np.asarray((nearer & (allowed == np.inf)).any(axis=1))
        moved = passed[at]
        if moved.any():
            pairs = (at[moved], column[moved], exact[moved])
            found.ranks[block[at[moved]], position[moved]] = self._ranks(own, squares, slack, *pairs)

    def _in_order(self, own: Places, at: Places, column: Places) -> tuple[Places, Places, FloatArray, Places]:
        """Return pairs of places in a block and columns sorted by place, distance and code.

        Returns
        -------
        at, column : ndarray of int, shape (pairs,)
        exact : ndarray, shape (pairs,)
            Distances.
        position : ndarray of int, shape (pairs,)
            Counted from 0 within a place.
        """
        exact = self.scaled.between(own[at], column)
        order = np.lexsort((self._by_code[column], tie_keys(exact), at))
        at, column, exact = at[order], column[order], exact[order]
        return at, column, exact, np.arange(len(at)) - np.searchsorted(at, at)

    def _ranks(
        self,
        own: Places,
        squares: FloatArray,
        slack: FloatArray,
        at: Places,
        column: Places,
        exact: FloatArray,
    ) -> NDArray[np.int64]:
        """Return the ranks of pairs among all columns of a block, the pairs sorted by place and distance.

        Those surely nearer are counted; those about as near as a pair are put in order with it.
        """
        low = exact**2 * (1.0 - MARGIN) - slack[at]
        high = exact**2 * (1.0 + MARGIN) + slack[at]
        unsure_at, unsure, before = [], [], []
        for place in np.unique(at):
            mine = slice(*np.searchsorted(at, [place, place + 1]))
            lows, highs = low[mine], high[mine]
            # ranges that overlap are one
            begins = np.concatenate([[True], lows[1:] > highs[:-1]])
            ends = np.concatenate([begins[1:], [True]])
            edges = np.column_stack([lows[begins], highs[ends]]).ravel()
            row = squares[place]
            columns = np.flatnonzero(row <= edges[-1])
            # odd numbers are within a range
            zone = np.searchsorted(edges, row[columns])
            counts = np.concatenate([[0], np.cumsum(np.bincount(zone, minlength=len(edges)))])
            within = zone % 2 == 1
            unsure.append(columns[within])
            before.append(counts[zone[within]])
            unsure_at.append(np.full(int(within.sum()), place))
        everyone, beside = np.concatenate(unsure_at), np.concatenate(unsure)
        passed = np.concatenate(before)
        width = squares.shape[1]
        pair = everyone * width + beside
        keys = tie_keys(self.scaled.between(own[everyone], beside))
        order = np.lexsort((self._by_code[beside], keys, passed, everyone))
        zones = everyone[order] * (width + 1) + passed[order]
        ranks = np.empty(len(pair), dtype=np.int64)
        ranks[order] = 1 + passed[order] + np.arange(len(pair)) - np.searchsorted(zones, zones)
        # pairs of a place stand in the order of columns
        return np.asarray(ranks[np.searchsorted(pair, at * width + column)])

    def _by_library(
        self,
        rows: Places,
        k: int,
        eligible: BoolArray | None,
        found: Neighbours,
        points: FloatArray,
        *,
        ranks: bool,
    ) -> Places:
        """Find what the search of scikit-learn settles; return the places of the rows that it does not."""
        from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415  (start-up time)

        columns = None if ranks or eligible is None else np.flatnonzero(eligible)
        pool = points if columns is None else points[columns]
        reach = min(k + RESERVE, len(pool))
        search = NearestNeighbors(n_neighbors=reach, algorithm="brute").fit(pool)
        left = []
        for first in range(0, len(rows), ROWS_AT_ONCE):
            block = np.arange(first, min(first + ROWS_AT_ONCE, len(rows)))
            own = rows[block]
            nearly, place = search.kneighbors(points[own])
            column = (place if columns is None else columns[place]).ravel()
            at = np.repeat(np.arange(len(own)), reach)
            other = column != own[at]
            at, column, exact, position = self._in_order(own, at[other], column[other])
            allowed = np.ones(len(at), dtype=np.bool_) if eligible is None else eligible[column]
            count = np.cumsum(allowed)
            starts = np.searchsorted(at, np.arange(len(own)))
            nth = count - (count[starts] - allowed[starts])[at]
            slack = self._squares.slack(own)
            beyond = nearly[:, -1] ** 2 if reach < len(pool) else np.full(len(own), np.inf)
            sure = exact**2 * (1.0 + MARGIN) + slack[at] < beyond[at]
            taken = allowed & (nth <= k) & sure
            settled = np.bincount(at[taken & (nth == k)], minlength=len(own)) > 0
            if reach == len(pool):
                settled[:] = True
            taken &= settled[at]
            at, spot = at[taken], nth[taken] - 1
            found.rows[block[at], spot] = column[taken]
            found.distances[block[at], spot] = exact[taken]
            if ranks:
                found.ranks[block[at], spot] = position[taken] + 1
            left.append(block[~settled])
        return np.concatenate(left)


class _Squares:
    """Squared distances by matrix products: nearly right, and how nearly."""

    def __init__(self, scaled: _Measured) -> None:
        self._scaled = scaled
        numeric = ~scaled.is_category
        #: Patterns of known numbers, where a Mahalanobis distance needs them.
        self._pattern: Places | None = None
        self.points = scaled.coordinates()
        growth = 1.0
        if scaled.metric == "mahalanobis" and numeric.any():
            growth = float(np.sqrt(np.linalg.cond(scaled.covariance)))
        if self.points is not None:
            self.points = self.points - self.points.mean(axis=0)
            norms = (self.points**2).sum(axis=1)
            one = np.ones_like(norms)
            self._left = np.column_stack([-2.0 * self.points, norms, one])
            self._right = np.ascontiguousarray(np.column_stack([self.points, one, norms]).T)
        else:
            norms = self._prepare_masked(numeric)
        terms = 64.0 * np.finfo(np.float64).eps * (len(scaled.weights) + 2) * growth
        self._slack = terms * (norms + norms.max(initial=0.0))

    def _prepare_masked(self, numeric: BoolArray) -> FloatArray:
        """Lay out the products of a table with missing cells; return the size of each unit's numbers."""
        scaled = self._scaled
        known = ~np.isnan(scaled.scaled)
        centred = np.where(known, scaled.scaled - np.nanmean(scaled.scaled, axis=0), 0.0)
        stretched = np.where(scaled.is_category, 0.0, centred) * np.sqrt(scaled.weights)
        parts, masks = [], []
        if scaled.metric == "mahalanobis" and numeric.any():
            self._numbers, self._covariance = stretched[:, numeric], scaled.covariance
            self._patterns, which = np.unique(known[:, numeric], axis=0, return_inverse=True)
            self._pattern = which.ravel()
        else:
            parts.append(stretched[:, numeric])
            masks.append(known[:, numeric].astype(np.float64))
        for column in np.flatnonzero(scaled.is_category):
            codes = scaled.scaled[:, column]
            distinct = np.unique(codes[known[:, column]])
            parts.append(0.5 * np.sqrt(scaled.weights[column]) * (codes[:, None] == distinct))
            masks.append(np.repeat(known[:, [column]].astype(np.float64), len(distinct), axis=1))
        nothing = np.zeros((len(known), 0))
        values, mask = np.hstack([nothing, *parts]), np.hstack([nothing, *masks])
        self._left = np.hstack([-2.0 * values, values**2, mask])
        self._right = np.ascontiguousarray(np.hstack([values, mask, values**2]).T)
        self._weighed = known * scaled.weights
        self._known = np.ascontiguousarray(known.astype(np.float64).T)
        size: FloatArray = (values**2).sum(axis=1)
        if self._pattern is not None:
            smallest = float(np.linalg.eigvalsh(self._covariance)[0])
            size = size + (self._numbers**2).sum(axis=1) / smallest
        return size

    def slack(self, rows: Places) -> FloatArray:
        """Return how far a squared distance of each row may be off by rounding, shape (rows,)."""
        return np.asarray(self._slack[rows])

    def blocks(self, rows: Places, places: Places, size: int) -> Iterator[Places]:
        """Yield some places among rows in blocks, of one pattern each where patterns matter."""
        if self._pattern is None:
            yield from (places[first : first + size] for first in range(0, len(places), size))
            return
        patterns = self._pattern[rows[places]]
        for pattern in np.unique(patterns):
            alike = places[patterns == pattern]
            yield from (alike[first : first + size] for first in range(0, len(alike), size))

    def block(self, rows: Places, columns: Places | None) -> tuple[FloatArray, FloatArray]:
        """Return squared distances of rows and columns, infinite where not comparable, and their slack."""
        chosen = slice(None) if columns is None else columns
        squares = self._left[rows] @ self._right[:, chosen]
        if self.points is None:
            if self._pattern is not None:
                self._add_numbers(squares, rows, chosen)
            shared = self._weighed[rows] @ self._known[:, chosen]
            enough = self._scaled.enough(shared)
            with np.errstate(divide="ignore", invalid="ignore"):
                squares *= self._scaled.weights.sum() / shared
            squares[~enough] = np.inf
        return squares, self.slack(rows)

    def _add_numbers(self, squares: FloatArray, rows: Places, chosen: Places | slice) -> None:
        """Add the Mahalanobis parts of rows of one pattern, column pattern by column pattern."""
        pattern = self._pattern
        assert pattern is not None  # noqa: S101
        common = self._patterns & self._patterns[pattern[rows[0]]]
        distinct, which = np.unique(common, axis=0, return_inverse=True)
        of_columns = which.ravel()[pattern[chosen]]
        numbers = self._numbers[chosen]
        for place, shared in enumerate(distinct):
            columns = np.flatnonzero(of_columns == place)
            if not shared.any() or not columns.size:
                continue
            root = np.linalg.inv(np.linalg.cholesky(self._covariance[np.ix_(shared, shared)])).T
            own, others = self._numbers[np.ix_(rows, shared)] @ root, numbers[np.ix_(columns, shared)] @ root
            part = -2.0 * own @ others.T
            part += (own**2).sum(axis=1)[:, None]
            part += (others**2).sum(axis=1)
            squares[:, columns] += part
