"""Representational similarity against rsatoolbox and published values."""

import warnings

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist
from scipy.stats import rankdata
from synthetic import population

from hmax_cnn.analysis.measures.similarity import compare_rdms, noise_ceiling, rdms
from hmax_cnn.analysis.responses import responses
from hmax_cnn.data import open_dataset
from hmax_cnn.extraction import Pixels

pytestmark = pytest.mark.quick


@pytest.fixture(scope="module")
def rsatoolbox():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("rsatoolbox", reason="rsatoolbox is not installed")


@pytest.mark.parametrize("dissimilarity", ["correlation", "euclidean", "squared euclidean"])
def test_rdms_against_scipy(dissimilarity):
    values = np.random.default_rng(0).standard_normal((9, 30))
    found = rdms(population(values), dissimilarity)
    metric = {
        "correlation": "correlation",
        "euclidean": "euclidean",
        "squared euclidean": "sqeuclidean",
    }[dissimilarity]
    scale = {"correlation": 1, "euclidean": np.sqrt(30), "squared euclidean": 30}[dissimilarity]
    np.testing.assert_allclose(found["rdm"][0], pdist(values, metric) / scale, rtol=1e-6)
    assert (found["first"].values[0], found["second"].values[0]) == (0, 1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("correlation", "correlation"),
        ("squared euclidean", "euclidean"),
        ("crossnobis", "crossnobis"),
    ],
)
def test_rdms_against_rsatoolbox(rsatoolbox, ours, theirs):
    import rsatoolbox.data
    import rsatoolbox.rdm

    rng = np.random.default_rng(0)
    repeats = rng.standard_normal((7, 3, 12))
    if ours == "crossnobis":
        mixing = rng.standard_normal((12, 12))
        precision = np.linalg.inv(mixing @ mixing.T + np.eye(12))
        mine = rdms(xr.DataArray(repeats, dims=("image", "run", "unit")), ours, precision)[
            "rdm"
        ].values[0]
        described = {"image": np.repeat(np.arange(7), 3), "run": np.tile(np.arange(3), 7)}
        dataset = rsatoolbox.data.Dataset(repeats.reshape(21, 12), obs_descriptors=described)
        expected = rsatoolbox.rdm.calc_rdm(
            dataset, "crossnobis", descriptor="image", cv_descriptor="run", noise=precision
        ).dissimilarities[0]
    else:
        mine = rdms(population(repeats[:, 0]), ours)["rdm"].values[0]
        expected = rsatoolbox.rdm.calc_rdm(
            rsatoolbox.data.Dataset(repeats[:, 0]), theirs
        ).dissimilarities[0]
    np.testing.assert_allclose(mine, expected, rtol=1e-9, atol=1e-12)


def test_crossnobis_of_noise_is_zero_on_average():
    """Ten times more measurements of pure noise: the mean distance stays within its standard error
    of 0, a plain distance does not."""
    noise = np.random.default_rng(0).standard_normal((30, 4, 50))
    found = rdms(xr.DataArray(noise, dims=("image", "run", "unit")), "crossnobis")["rdm"].values
    assert abs(found.mean()) < 0.02  # seen: 0.002; the plain squared distance is 2 / 4
    assert (found < 0).any()
    with pytest.raises(ValueError, match="at least two measurements"):
        rdms(xr.DataArray(noise[:, :1], dims=("image", "run", "unit")), "crossnobis")


def test_undefined_and_bad_rdms():
    values = np.random.default_rng(0).standard_normal((4, 5))
    values[2] = 0.7
    found = rdms(population(values))["rdm"].values[0]
    np.testing.assert_array_equal(np.isnan(found), [False, True, False, True, False, True])
    with pytest.raises(ValueError, match="`dissimilarity` must be one of"):
        rdms(population(values), "cosine")
    with pytest.raises(ValueError, match=r"dims \(image, <measurement>, unit\)"):
        rdms(population(values), "crossnobis")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("spearman", "spearman"), ("pearson", "corr"), ("cosine", "cosine"), ("kendall", "tau-a")],
)
def test_comparisons_and_noise_ceiling_against_rsatoolbox(rsatoolbox, ours, theirs):
    from rsatoolbox.inference import boot_noise_ceiling
    from rsatoolbox.rdm import RDMs, compare

    rng = np.random.default_rng(1)
    truth = rng.random(28)
    subjects = truth + 0.5 * rng.random((5, 28))
    subjects[:, :4] = np.round(subjects[:, :4])  # ties
    assert compare_rdms(subjects[0], subjects[1], ours) == pytest.approx(
        compare(RDMs(subjects[:1]), RDMs(subjects[1:2]), theirs).item()
    )
    if ours != "kendall":  # theirs is of averaged ranks too, but ranked again
        expected = boot_noise_ceiling(
            RDMs(subjects, rdm_descriptors={"s": list(range(5))}), method=theirs, rdm_descriptor="s"
        )
        np.testing.assert_allclose(noise_ceiling(subjects, ours), expected, rtol=1e-9)
    low, high = noise_ceiling(subjects, ours)
    assert low < high


def test_undefined_comparisons():
    assert np.isnan(compare_rdms(np.ones(3), np.arange(3.0)))
    assert np.isnan(compare_rdms(np.array([np.nan, 1.0]), np.arange(2.0)))
    with pytest.raises(ValueError, match="vectors of the same pairs"):
        compare_rdms(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="at least two subjects"):
        noise_ceiling(np.ones((1, 3)))


def test_published_values_of_92_objects(shared):
    """Spearman, to two decimals: subjects' noise ceiling (sessions ranked, then averaged), macaque
    IT, model RDMs."""
    tables = np.load(shared / "kriegeskorte92" / "rdms.npz")
    human, macaque = tables["hIT_mean_fig1"], tables["mIT_674neurons"]
    ranked = np.array(
        [[rankdata(session) for session in subject] for subject in tables["hIT_subject_session"]]
    ).mean(axis=1)
    np.testing.assert_allclose(noise_ceiling(ranked), (0.38, 0.67), atol=0.005)
    for model, target, expected in (
        ("mIT_674neurons", human, 0.44),
        ("model_animacy", human, 0.59),
        ("model_HMAX", human, 0.22),
        ("model_HMAX", macaque, 0.25),
        ("ref_HMAX_natImPatch", human, 0.10),
    ):
        assert round(compare_rdms(tables[model], target), 2) == expected, model


def test_pixels_of_92_objects(shared):
    """Our own pipeline from pictures: 32 x 32 pixels against human IT, published as 0.03."""
    found = rdms(responses(Pixels(), open_dataset(shared / "kriegeskorte92" / "index.csv")))
    assert compare_rdms(
        found["rdm"].values[0], np.load(shared / "kriegeskorte92" / "rdms.npz")["hIT_mean_fig1"]
    ) == pytest.approx(0.03, abs=0.006)
