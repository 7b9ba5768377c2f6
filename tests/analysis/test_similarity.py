"""Representational similarity against rsatoolbox, formulas and the published values of 92
objects."""

import warnings

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata

from hmax_cnn.analysis.measures.alignment import cka, procrustes
from hmax_cnn.analysis.measures.brain import brain_similarity
from hmax_cnn.analysis.measures.similarity import compare_rdms, noise_ceiling, rdms
from hmax_cnn.analysis.responses import responses
from hmax_cnn.analysis.results import Resampling
from hmax_cnn.data import open_dataset
from hmax_cnn.extraction import Pixels

pytestmark = pytest.mark.quick

FEW = Resampling(30)
NONE = Resampling(0)


def population(values, layer="all"):
    return xr.DataArray(
        values,
        dims=("image", "unit"),
        coords={"layer": ("unit", np.full(np.shape(values)[1], layer))},
    )


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
    with pytest.raises(ValueError, match=r"must have shape \(n_subjects, 190\)"):
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


def test_cka_of_independent_noise():
    """The trap: 50 images, 2000 and 500 units. Biased 0.94, debiased near 0 (0.02)."""
    rng = np.random.default_rng(0)
    a, b = population(rng.standard_normal((50, 2000))), population(rng.standard_normal((50, 500)))
    assert cka(a, b, debiased=False, resampling=NONE)["value"].item() == pytest.approx(
        0.94, abs=0.005
    )
    assert cka(a, b, resampling=NONE)["value"].item() == pytest.approx(0, abs=0.03)


def test_cka_against_the_formula():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((20, 6)), rng.standard_normal((20, 4))
    y[:, 0] += x[:, 0]
    a, b = population(x), population(y)
    centred = x - x.mean(axis=0), y - y.mean(axis=0)
    biased = np.linalg.norm(centred[1].T @ centred[0]) ** 2 / (
        np.linalg.norm(centred[0].T @ centred[0]) * np.linalg.norm(centred[1].T @ centred[1])
    )
    assert cka(a, b, debiased=False, resampling=NONE)["value"].item() == pytest.approx(biased)
    assert cka(a, a, resampling=NONE)["value"].item() == pytest.approx(1)

    def hsic(k, m):  # Song et al. 2012, equation 5, as it stands there
        n, one = len(k), np.ones(len(k))
        k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
        terms = (
            np.trace(k @ m)
            + one @ k @ one * (one @ m @ one) / ((n - 1) * (n - 2))
            - 2 / (n - 2) * (one @ k @ m @ one)
        )
        return terms / (n * (n - 3))

    k, m = x @ x.T, y @ y.T
    assert cka(a, b, resampling=NONE)["value"].item() == pytest.approx(
        hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))
    )
    squares = np.square(x[:, None] - x[None]).sum(axis=2)
    rbf = np.exp(-squares / (2 * np.median(squares[np.triu_indices(20, 1)])))
    assert cka(a, b, "rbf", resampling=NONE)["value"].item() == pytest.approx(
        hsic(rbf, _rbf(y)) / np.sqrt(hsic(rbf, rbf) * hsic(_rbf(y), _rbf(y)))
    )
    found = cka(a, b, resampling=FEW)
    assert found["low"].item() < found["value"].item() < found["high"].item()


def _rbf(values):
    squares = np.square(values[:, None] - values[None]).sum(axis=2)
    return np.exp(-squares / (2 * np.median(squares[np.triu_indices(len(values), 1)])))


def test_procrustes():
    """1 for a rotation, scaled and shifted; by singular values else; undefined for a constant."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((15, 4)), rng.standard_normal((15, 6))
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    assert procrustes(population(x), population(3 * x @ turn + 2), NONE)[
        "value"
    ].item() == pytest.approx(1)
    centred = [v - v.mean(axis=0) for v in (x, y)]
    expected = np.linalg.svd(centred[0].T @ centred[1], compute_uv=False).sum() / np.prod(
        [np.linalg.norm(v) for v in centred]
    )
    assert procrustes(population(x), population(y), NONE)["value"].item() == pytest.approx(expected)
    assert np.isnan(procrustes(population(x), population(np.ones((15, 3))), FEW)["value"].item())
    assert np.isnan(
        cka(population(x), population(np.ones((15, 3))), resampling=FEW)["value"].item()
    )
    with pytest.raises(ValueError, match="responses to the same images"):
        procrustes(population(x), population(y[:8]))
    with pytest.raises(ValueError, match="`kernel` must be one of"):
        cka(population(x), population(y), "poly")
