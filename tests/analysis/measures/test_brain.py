"""Similarity to the brain: its bounds, its permutations, its file."""

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata
from synthetic import population

from hmax_cnn.analysis.measures.brain import brain_similarity, similarity_to_brain
from hmax_cnn.analysis.measures.similarity import compare_rdms, rdms
from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.extraction import Pixels

pytestmark = pytest.mark.quick

FEW = Resampling(30)


NONE = Resampling(0)


def test_brain_similarity():
    """A layer that is the truth reaches the ceiling and is significant; noise is neither; intervals
    hold the value."""
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((20, 6))
    truth = pdist(codes, "correlation")
    subjects = np.stack([rankdata(truth + 0.3 * rng.random(len(truth))) for _ in range(4)])
    layers = xr.concat(
        [population(codes, "truth"), population(rng.standard_normal((20, 6)), "noise")], "unit"
    )
    found = brain_similarity(rdms(layers), subjects, n_permutations=200, resampling=FEW)
    assert found["layer_value"][0] > found["ceiling_low"] - 0.02
    assert found["p_corrected"][0] == pytest.approx(2 / 201)
    assert found["p"][1] > 0.05
    assert found["layer_low"][0] < found["layer_value"][0] < found["layer_high"][0]
    slow = brain_similarity(rdms(layers), subjects, "kendall", n_permutations=20, resampling=NONE)
    assert slow["p"][0] == pytest.approx(1 / 21)
    with pytest.raises(ValueError, match="`subjects` must have 190 pairs"):
        brain_similarity(rdms(layers), subjects[:, :5])


def test_permutations_are_those_of_the_plain_way():
    rng = np.random.default_rng(2)
    models, subjects = rdms(population(rng.standard_normal((8, 5)))), rng.random((3, 28))
    fast = brain_similarity(models, subjects, n_permutations=50, resampling=NONE)["p"].item()
    mine, upper = squareform(models["rdm"].values[0]), np.triu_indices(8, 1)
    seen = np.mean([compare_rdms(mine[upper], row) for row in subjects])
    rng, count = np.random.default_rng(0), 1
    for _ in range(50):
        order = rng.permutation(8)
        shuffled = mine[np.ix_(order, order)][upper]
        count += np.mean([compare_rdms(shuffled, row) for row in subjects]) >= seen - 1e-12
    assert fast == count / 51


def test_brain_from_a_file(tmp_path):
    """Sessions are averaged, subjects kept; a wrong name is answered with those there are."""
    rng = np.random.default_rng(0)
    subjects = rng.random((3, 2, 15))
    np.savez(tmp_path / "rdms.npz", it=subjects)
    still = responses(Pixels(grid=(4, 4)), rng.random((6, 16, 16)) * 255)
    few = Resampling(5)
    found = similarity_to_brain(
        still, tmp_path / "rdms.npz", "it", n_permutations=20, resampling=few
    )
    np.testing.assert_allclose(
        found["value"],
        brain_similarity(rdms(still), subjects.mean(axis=1), n_permutations=20, resampling=few)[
            "value"
        ],
    )
    with pytest.raises(ValueError, match="`array` must be one of 'it'"):
        similarity_to_brain(still, tmp_path / "rdms.npz", "v4")


def noisy_subjects(codes, noise, n_subjects=4, seed=0):
    """RDMs of subjects that share the codes, each with noise of its own."""
    rng = np.random.default_rng(seed)
    seen = [codes + noise * rng.standard_normal(codes.shape) for _ in range(n_subjects)]
    return np.stack([pdist(one, "correlation") for one in seen])


def test_the_ceiling_is_tested_against_chance():
    """Subjects that share something agree; those of pure noise do not, whatever the bounds are."""
    rng = np.random.default_rng(0)
    codes = rng.standard_normal((16, 8))
    models = rdms(population(codes))
    like = brain_similarity(models, noisy_subjects(codes, 0.5), n_permutations=99, resampling=NONE)
    assert like["ceiling_p"].item() == 0.01
    noise = noisy_subjects(np.zeros((16, 8)), 1)
    unlike = brain_similarity(models, noise, n_permutations=99, resampling=NONE)
    assert unlike["ceiling_p"].item() > 0.05
    one = brain_similarity(models, noise[:1], n_permutations=9, resampling=NONE)
    assert np.isnan(one["ceiling_p"].item())


def test_the_ceiling_of_noise_is_rarely_significant():
    """Of 200 studies whose subjects have nothing in common at most 18 have p <= 0.05: more would
    come once in 400 such runs (of 300, 35 had when the mean of
    the others was left as it is)."""
    models = rdms(population(np.random.default_rng(0).standard_normal((10, 8))))
    found = [
        brain_similarity(
            models,
            noisy_subjects(np.zeros((10, 8)), 1, n_subjects=4, seed=seed),
            "pearson",
            n_permutations=19,
            resampling=NONE,
        )["ceiling_p"].item()
        for seed in range(200)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)
    assert np.sum(np.array(found) <= 0.05) <= 18


def test_against_the_mean_of_subjects():
    """The mean RDM has less noise than each: a model that shares their codes is more like it; the
    ceiling is that of the subjects, and the interval says that it is for these."""
    codes = np.random.default_rng(1).standard_normal((20, 8))
    subjects, models = noisy_subjects(codes, 1.0), rdms(population(codes))
    each = brain_similarity(models, subjects, n_permutations=0, resampling=FEW)
    mean = brain_similarity(models, subjects, n_permutations=0, against="mean", resampling=FEW)
    assert mean["layer_value"].item() == pytest.approx(
        compare_rdms(models["rdm"].values[0], subjects.mean(axis=0))
    )
    assert mean["layer_value"] > each["layer_value"]
    assert mean["ceiling_low"] == each["ceiling_low"]
    assert mean["subject"].values.tolist() == ["mean"]
    assert each.attrs["resampled_over"] == "images and subjects"
    assert mean.attrs["resampled_over"] == "images, for these subjects"
    with pytest.raises(ValueError, match="`against` must be one of 'each', 'mean', got 'median'"):
        brain_similarity(models, subjects, against="median")
