"""Intervals: bootstrap, jackknife, Wilson's."""

import numpy as np
import pytest
from scipy import stats

from hmax_cnn.analysis.intervals import (
    degrees_of,
    interval,
    jackknife,
    mean_defined,
    resampled,
    wilson_interval,
    wilson_of_clusters,
)

pytestmark = pytest.mark.quick


def test_bootstrap_interval_is_scipys():
    """Percentile intervals of a mean: to 3 % of its width, what 4000 resamples leave (seen: 1.3
    %)."""
    data = np.random.default_rng(0).exponential(size=40)
    low, high = interval(resampled(lambda drawn: data[drawn].mean(), 40, 4000))
    theirs = stats.bootstrap(
        (data,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    np.testing.assert_allclose((low, high), theirs, atol=0.03 * (theirs.high - theirs.low))


def test_intervals_of_undefined_values():
    draws = np.array(
        [[1.0, np.nan, np.nan], [2.0, 1.0, np.nan], [3.0, 2.0, np.nan], [4.0, np.nan, np.nan]]
    )
    low, high = interval(draws, 0.5)
    np.testing.assert_allclose(low, [1.75, 1.25, np.nan])
    np.testing.assert_allclose(high, [3.25, 1.75, np.nan])
    assert np.isnan(resampled(lambda drawn: 1.0, 1, 5)).all()
    assert resampled(lambda drawn: np.ones(3), 9, 0).shape == (0, 3)
    with pytest.raises(ValueError, match="`level` must lie between 0 and 1, got 95"):
        interval(draws, 95)


def test_mean_of_what_is_defined():
    np.testing.assert_allclose(
        mean_defined(np.array([[1, np.nan], [3, np.inf]]), axis=0), [2, np.nan]
    )


def test_the_jackknife_of_a_mean_is_students_t():
    """Leaving out one at a time gives a mean's own interval; groups give it to what so few leave
    (seen: 6 %); the variance of a plug-in is corrected to the unbiased one."""
    data = np.random.default_rng(0).standard_normal(60)
    theirs = stats.t.interval(0.95, 59, data.mean(), stats.sem(data))
    np.testing.assert_allclose(jackknife(lambda kept: data[kept].mean(), 60, 60), theirs)
    low, high = jackknife(lambda kept: data[kept].mean(), 60, 20)
    assert high - low == pytest.approx(theirs[1] - theirs[0], rel=0.2)
    unbiased = jackknife(lambda kept: data[kept].var(), 60, 60, unbiased=True)
    assert np.mean(unbiased) == pytest.approx(data.var(ddof=1))
    assert np.isnan(jackknife(lambda kept: 1.0, 2, 10)).all()
    assert np.isnan(jackknife(lambda kept: 1.0, 20, 0)).all()
    low, high = jackknife(lambda kept: np.tanh(data[kept].mean() + 2), 60, 60, link="correlation")
    assert low < high < 1


def test_degrees_of_freedom_of_a_sum():
    """Satterthwaite by hand: (4 + 1)^2 / (16 / 9 + 1 / 4); of one variance its own."""
    assert degrees_of([4.0, 1.0], [9, 4]) == pytest.approx(25 / (16 / 9 + 1 / 4))
    assert degrees_of([3.0], [7]) == pytest.approx(7)


def test_wilsons_interval_of_clusters():
    """Clusters that are right or wrong as one count once each, as with Student's t; independent
    images count as images; where all agree there is still a width; nothing of a single cluster."""
    share, n_clusters = 0.7, 10
    spread = share * (1 - share)
    z, t = stats.norm.ppf(0.975), stats.t.ppf(0.975, 9)
    for count in (10, 100):
        found = wilson_of_clusters(share, spread / count, n_clusters, 100)
        n = count * (z / t) ** 2
        np.testing.assert_allclose(found, wilson_interval(share * n, n))
    assert wilson_of_clusters(share, spread / 500, 10, 100) == found
    low, high = wilson_of_clusters(0.0, 0.0, 10, 100)
    assert (low, high) == (0.0, pytest.approx(z**2 / (10 * (z / t) ** 2 + z**2)))
    assert np.isnan(wilson_of_clusters(share, 0.0, 1, 100)).all()


def test_a_jackknife_of_pairs_counts_them_once():
    """Of independent pairs the variance of their mean is half of what a jackknife of items finds;
    two groups say nothing of pairs, and the variance stays as it is."""
    noise = np.random.default_rng(0).standard_normal((40, 40))
    pairs = np.triu(noise, 1) + np.triu(noise, 1).T

    def mean(kept):
        part = pairs[np.ix_(kept, kept)]
        return part[np.triu_indices(len(kept), 1)].mean()

    plain = np.ptp(jackknife(mean, 40, 40))
    assert np.ptp(jackknife(mean, 40, 40, of_pairs=True)) == pytest.approx(plain / 2**0.5, rel=0.1)
    two = jackknife(mean, 40, 2)
    np.testing.assert_allclose(jackknife(mean, 40, 2, of_pairs=True), two)


def test_wilsons_interval_is_scipys():
    """Of a given split; of folds it is that of n / 1.75 images."""
    for n_right, n in ((0, 7), (3, 10), (50, 50)):
        theirs = stats.binomtest(n_right, n).proportion_ci(method="wilson")
        np.testing.assert_allclose(wilson_interval(n_right, n), theirs, atol=1e-12)
    np.testing.assert_allclose(wilson_interval(40, 70, n_folds=5), wilson_interval(160 / 7, 40))
