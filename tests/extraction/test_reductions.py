"""Fewer numbers for each image: the right ones, labelled, whatever images are beside."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.random_projection import SparseRandomProjection

from hmax_cnn import HMAX
from hmax_cnn.extraction import flatten
from hmax_cnn.extraction.reductions import Reduction

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 48, 56)).astype(np.uint8)
MODEL = HMAX(layer="c1")
ROWS = MODEL.transform(IMAGES)
UNITS = MODEL.units(IMAGES.shape[1:])
ALL = ["units:100", "projection:50", "pca:10", "mean", "pyramid:3"]


def fitted(text, rows=ROWS):
    def training(at_once):
        return (rows[first : first + at_once] for first in range(0, len(rows), at_once))

    return Reduction.parsed(text).fitted(UNITS, training)


@pytest.mark.parametrize("text", ALL)
def test_each_row_is_its_own(text):
    """The same to the last bit alone, among others and in another order."""
    reduction = fitted(text)
    together = reduction(ROWS)
    assert together.shape == (40, len(reduction.units))
    assert together.dtype == np.float32
    assert reduction.units["unit"].is_unique
    alone = np.concatenate([reduction(ROWS[i : i + 1]) for i in range(40)])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(reduction(ROWS[::-1]), together[::-1])
    np.testing.assert_array_equal(fitted(text)(ROWS), together)


def test_units():
    reduction = fitted("units:100")
    chosen = UNITS["unit"].isin(reduction.units["unit"]).to_numpy()
    np.testing.assert_array_equal(reduction(ROWS), ROWS[:, chosen])
    np.testing.assert_array_equal(reduction.units, UNITS[chosen])
    assert set(fitted("units:100:1").units["unit"]) != set(reduction.units["unit"])


def test_means_are_those_of_each_map():
    reduction = fitted("mean")
    for number, row in reduction.units.iterrows():
        of_map = (UNITS["band"] == row["band"]) & (UNITS["feature"] == row["feature"])
        expected = ROWS[:, of_map].astype(float).mean(axis=1)
        # 2e-7 was seen, of responses up to 1.
        np.testing.assert_allclose(reduction(ROWS)[:, number], expected, atol=1e-6)
        assert row["orientation"] == UNITS.loc[of_map, "orientation"].iloc[0]
        # What the mean sees: all of what its units see.
        low, high = UNITS.loc[of_map, "x"].min(), UNITS.loc[of_map, "x"].max()
        assert row["x"] == (low + high) / 2
        assert row["field_size"] == UNITS.loc[of_map, "field_size"].iloc[0] + high - low


def test_a_pyramid_takes_each_position_once_a_level():
    reduction = fitted("pyramid:3")
    found = reduction(ROWS)
    maps = flatten(MODEL.activations(IMAGES, ["c1"]))
    of_band = maps[:, (maps["band"] == "b1") & (maps["feature"] == "o90")]
    rows, columns = (np.unique(of_band[axis], return_inverse=True) for axis in ("y", "x"))
    named = dict(zip(reduction.units["unit"], found.T, strict=True))
    for name, low, high in [("y0_x1", (0, 0.5), (0.5, 1)), ("y1_x0", (0.5, 1), (0, 0.5))]:
        wanted = np.ones(of_band.shape[1], bool)
        for (places, rank), (first, last) in zip((rows, columns), (low, high), strict=True):
            n = len(places)
            wanted &= (rank * 2 // n >= first * 2) & (rank * 2 // n < last * 2)
        np.testing.assert_allclose(
            named[f"c1_b1_o90_level1_{name}"], of_band[:, wanted].mean("unit"), atol=1e-6
        )
    np.testing.assert_array_equal(named["c1_b1_o90_mean"], fitted("mean")(ROWS)[:, 0])
    # No part without a position: small maps have fewer levels.
    finest = fitted("pyramid:6").units
    for band, of_band in UNITS.groupby("band"):
        side = min(of_band["y"].nunique(), of_band["x"].nunique())
        parts = sum(4**level for level in range(6) if 2**level <= side)
        assert (finest["band"] == band).sum() == 4 * parts


def test_projection_is_scikit_learns():
    reduction = fitted("projection:50:3")
    expected = SparseRandomProjection(50, random_state=3).fit_transform(ROWS)
    np.testing.assert_allclose(reduction(ROWS), expected, atol=1e-5)
    names = reduction.units
    assert names["unit"].tolist()[:2] == ["projection_00", "projection_01"]
    assert set(names["layer"]) == {"c1"}


def test_components_are_those_of_all_training_images():
    reduction = fitted("pca:10")
    expected = PCA(10, svd_solver="full").fit(ROWS.astype(float))
    shares = reduction.units["explained_variance_ratio"]
    # Step by step a little is lost: 2 % of the first ten components was seen.
    assert 0.95 < shares.sum() / expected.explained_variance_ratio_.sum() <= 1.0001
    exact = fitted("pca:30")
    expected = PCA(30, svd_solver="full").fit(ROWS.astype(float))
    found, wanted = exact(ROWS), expected.transform(ROWS)
    signs = np.sign((found * wanted).sum(axis=0))
    # Of one step; 3e-5 of the largest was seen.
    np.testing.assert_allclose(found * signs, wanted, atol=3e-4 * np.abs(wanted).max())


@pytest.mark.parametrize(
    "text",
    ["", "units", "units:0", "units:-3", "mean:2", "pca:2:3", "pyramid:7", "nmf:3", "units:٣"],
)
def test_what_is_no_reduction(text):
    with pytest.raises(ValueError, match="`reduce` must"):
        Reduction.parsed(text)


def test_what_cannot_be_reduced():
    with pytest.raises(ValueError, match=f"fewer than the {len(UNITS)} units there are"):
        fitted("units:1000000")
    with pytest.raises(ValueError, match="at least as many training images, got 5"):
        fitted("pca:10", ROWS[:5])
