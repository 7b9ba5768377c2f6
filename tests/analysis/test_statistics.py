"""Statistics against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hmax_cnn.analysis.statistics import (
    compare,
    corrected,
    degrees_of,
    interval,
    jackknife,
    mean_defined,
    permutation_test,
    resampled,
    wilson_interval,
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


def test_wilsons_interval_is_scipys():
    """Of a given split; of folds it is that of n / 1.75 images."""
    for n_right, n in ((0, 7), (3, 10), (50, 50)):
        theirs = stats.binomtest(n_right, n).proportion_ci(method="wilson")
        np.testing.assert_allclose(wilson_interval(n_right, n), theirs, atol=1e-12)
    np.testing.assert_allclose(wilson_interval(40, 70, n_folds=5), wilson_interval(160 / 7, 40))


def test_permutation_test():
    a = np.array([5.1, 4.9, 6.2, 5.5, 5.8, 6.1])
    found = permutation_test(a, a - 1)
    assert found["difference"] == pytest.approx(1)
    assert found["p"] == pytest.approx(2 / 2**6)  # exact: all signs
    assert permutation_test(a, a[::-1])["p"] > 0.5
    apart = permutation_test(a, a + 100, paired=False)
    assert apart["p"] == pytest.approx(2 / 924)
    with pytest.raises(ValueError, match="must be of the same items"):
        permutation_test(a, a[:3])
    with pytest.raises(ValueError, match="at least two defined values"):
        permutation_test([1.0, np.nan], [2.0, 3.0])


@pytest.mark.parametrize("method", ["holm", "bonferroni", "fdr"])
def test_correction(method):
    """By hand; Benjamini-Hochberg by SciPy. What is undefined stays so and does not count."""
    p = [0.01, 0.04, 0.03, np.nan, 0.5]
    expected = {
        "holm": [0.04, 0.09, 0.09, np.nan, 0.5],
        "bonferroni": [0.04, 0.16, 0.12, np.nan, 1],
        "fdr": [0.04, 0.16 / 3, 0.16 / 3, np.nan, 0.5],
    }
    np.testing.assert_allclose(corrected(p, method), expected[method])
    with pytest.raises(ValueError, match="`p` must lie between 0 and 1"):
        corrected([2.0])


def test_compare_models():
    rng = np.random.default_rng(0)
    base = rng.random(50)
    table = compare(
        pd.DataFrame(
            {
                "good": base + 0.3,
                "bad": base + 0.05 * rng.random(50),
                "same": base + 0.05 * rng.random(50),
            }
        ),
        n_resamples=999,
    )
    assert list(table["a"] + table["b"]) == ["goodbad", "goodsame", "badsame"]
    np.testing.assert_allclose(table["difference"][:2], 0.275, atol=0.01)
    assert (table["p_corrected"][:2] < 0.01).all()
    assert table["p_corrected"][2] > 0.05
    assert ((table["low"] <= table["difference"]) & (table["difference"] <= table["high"])).all()
    one = compare(
        {"good": base + 0.3, "bad": base, "other": base - 0.1}, reference="good", n_resamples=99
    )
    assert list(one["a"] + one["b"]) == ["goodbad", "goodother"]
    assert one["least_p"][0] == pytest.approx(0.02)
    assert compare({"a": base[:5], "b": base[5:10]})["least_p"][0] == 1 / 16
    partly = compare({"a": base, "b": base + 0.1, "c": np.full(50, np.nan)}, n_resamples=99)
    assert partly["p"].isna().tolist() == [False, True, True]
    assert compare({"a": [1, 1, 1, 0, 0, 0], "b": [1, 1, 1, 0, 1, 1]})["least_p"][0] == 0.5
    with pytest.raises(ValueError, match="`reference` must be one of 'a', 'b', got 'c'"):
        compare({"a": base, "b": base}, reference="c")
    right = pd.DataFrame({"a": base > 0.3, "b": base > 0.6})
    assert compare(right, n_resamples=99)["difference"][0] == pytest.approx(
        right["a"].mean() - right["b"].mean()
    )
    with pytest.raises(ValueError, match="a column for each of at least two models"):
        compare(pd.DataFrame({"one": base}))
