"""Statistics against scipy."""

import numpy as np
import pandas as pd
import pytest

from hmax_cnn.analysis.statistics import compare, corrected, permutation_test

pytestmark = pytest.mark.quick


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


def test_right_or_wrong_by_mid_p():
    """McNemar's mid-p by hand: of six items that differ one model is right in one, so that
    2 (1 / 64 + 6 / 64 / 2) = 0.125; of four, two each, 1. An undefined item does not count."""
    right = {"a": [1, 0, 0, 0, 0, 0, 1, 1, 0], "b": [0, 1, 1, 1, 1, 1, 1, 1, 0]}
    found = compare(right).iloc[0]
    assert found["p"] == pytest.approx(0.125)
    assert found["difference"] == pytest.approx(-4 / 9)
    assert found["least_p"] == 2**-6
    assert compare({"a": [1, 1, 0, 0, 1], "b": [0, 0, 1, 1, 1]})["p"][0] == pytest.approx(1)
    assert compare({"a": [1, 1, 1], "b": [1, 1, 1]})["p"][0] == 1
    holed = {name: [*values, np.nan] for name, values in right.items()}
    pd.testing.assert_frame_equal(compare(holed), compare(right))


def test_infinite_scores_are_undefined():
    found = compare({"a": [1, 2, 3, np.inf], "b": [0, 1, 2.5, 1]}).iloc[0]
    assert found["n"] == 3
    assert found["difference"] == pytest.approx(2.5 / 3)


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
    assert compare({"a": [1, 1, 1, 0, 0, 0], "b": [1, 1, 1, 0, 1, 1]})["least_p"][0] == 0.25
    with pytest.raises(ValueError, match="`reference` must be one of 'a', 'b', got 'c'"):
        compare({"a": base, "b": base}, reference="c")
    right = pd.DataFrame({"a": base > 0.3, "b": base > 0.6})
    assert compare(right, n_resamples=99)["difference"][0] == pytest.approx(
        right["a"].mean() - right["b"].mean()
    )
    with pytest.raises(ValueError, match="a column for each of at least two models"):
        compare(pd.DataFrame({"one": base}))
