"""Bad input, one row a kind: what is handed in, the error, and the text that names it and says the
remedy."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from hmax_cnn.extraction import Pixels, Window
from hmax_cnn.hmax import HMAX, Prototypes, gabor, read_prototypes, write_prototypes
from hmax_cnn.hmax.presets import PRESETS

pytestmark = pytest.mark.quick

GOOD = np.random.default_rng(0).integers(0, 256, (2, 64, 64)).astype(np.uint8)
BAD = np.full((2, 64, 64), 100.0)
BAD[1, 3, 4] = np.nan


def c1(images=GOOD, **parameters):
    return HMAX(layer="c1", **parameters).transform(images)


def c2(**parameters):
    return HMAX(prototypes="photographs", **parameters).transform(GOOD)


KINDS = {
    # images
    "one image without a first axis": (
        lambda: c1(GOOD[0]),
        ValueError,
        r"Flat rows need `image_shape`, and a single image needs a first axis",
    ),
    "one number": (
        lambda: c1(np.float32(3)),
        TypeError,
        r"`images` must be an array of shape|object of type",
    ),
    "five axes": (
        lambda: c1(GOOD[None, ..., None]),
        ValueError,
        "cannot be read: images must be an array of shape",
    ),
    "one colour image": (
        lambda: c1(np.zeros((64, 64, 3))),
        ValueError,
        r"look like a single colour image.*image\[None\]",
    ),
    "tall and wide images": (
        lambda: c1([GOOD[0, :50], GOOD[0, :50].T]),
        ValueError,
        "Resize the images to one shape",
    ),
    "channels first": (lambda: c1(np.zeros((2, 3, 64, 64))), ValueError, "move channels last"),
    "alpha channel": (lambda: c1(np.zeros((2, 64, 64, 4))), ValueError, "drop an alpha channel"),
    "no images": (lambda: c1(GOOD[:0]), ValueError, "at least one image, got 0"),
    "no pixels": (lambda: c1(np.zeros((2, 0, 64))), ValueError, "without pixels"),
    "one pixel": (
        lambda: c1(GOOD[:, :1, :1]),
        ValueError,
        r"1 x 1 pixels are too small for band 1.*Enlarge the images, or set s1_border='padded'",
    ),
    "smaller than a filter": (
        lambda: c1(GOOD[:, :36, :]),
        ValueError,
        r"36 x 64 pixels are too small for band 8, whose filters are 37 x 37.*bands=7",
    ),
    "as small as a filter": (lambda: c1(GOOD[:, :37, :37]), ValueError, "at least 38 pixels"),
    "NaN": (lambda: c1(BAD), ValueError, "Image 1 of `images` contains NaN, infinity"),
    "infinity": (
        lambda: c1(np.full((1, 64, 64), np.inf)),
        ValueError,
        "Image 0 of `images` contains NaN, infinity",
    ),
    "too large for float32": (
        lambda: c1(np.full((1, 64, 64), 1e300)),
        ValueError,
        "too large for float32",
    ),
    "complex numbers": (lambda: c1(GOOD.astype(complex)), ValueError, "Complex data not supported"),
    "text": (lambda: c1(np.full((1, 64, 64), "x")), TypeError, "must hold numbers, got dtype <U1"),
    "objects": (lambda: c1(GOOD.astype(object)), TypeError, "must hold numbers, got dtype object"),
    "a path": (lambda: c1("pictures/"), TypeError, "Read files with `hmax_cnn.data.read_folder`"),
    "a generator": (lambda: c1(image for image in GOOD), TypeError, "got generator"),
    "different sizes": (
        lambda: c1([GOOD[0], GOOD[1, :50]]),
        ValueError,
        r"`layer` 'c1' has 4x13x16 .* units for image 1 of shape \(50, 64\)",
    ),
    "other size than fitted on": (
        lambda: HMAX(layer="c1").fit(GOOD).transform(GOOD[:, :50]),
        ValueError,
        r"the images of shape \(64, 64\) that it was fitted on",
    ),
    "flat rows without a shape": (
        lambda: c1(GOOD.reshape(2, -1)),
        ValueError,
        "Flat rows need `image_shape`",
    ),
    "flat rows of another length": (
        lambda: c1(GOOD.reshape(2, -1), image_shape=(60, 64)),
        ValueError,
        r"`image_shape` \(60, 64\) does not fit rows of 4096",
    ),
    # parameters of every model
    "unknown layer": (
        lambda: HMAX(layer="v4").transform(GOOD),
        ValueError,
        r"`layer` must be one of 's1', 'c1', 's2', 'c2', got 'v4'",
    ),
    "no layer": (
        lambda: HMAX(layer=()).transform(GOOD),
        ValueError,
        "`layer` must name at least one",
    ),
    "unknown device": (
        lambda: c1(device="tpu"),
        ValueError,
        "`device` must be one of 'cpu', 'cuda', 'auto', got 'tpu'",
    ),
    "no threads": (lambda: c1(n_threads=0), ValueError, "`n_threads` must be at least 1"),
    "impossible image shape": (
        lambda: HMAX().fields((0, 64)),
        ValueError,
        r"`image_shape` must be \(height, width\) in pixels, got \(0, 64\)",
    ),
    "grid finer than the image": (
        lambda: Pixels(grid=(65, 2)).transform(GOOD),
        ValueError,
        "`grid` must lie between 1 x 1 and the image's 64 x 64",
    ),
    # parameters of HMAX
    "unknown preset": (
        lambda: c1(preset="vgg"),
        ValueError,
        "`preset` must be one of 'georgetown', 'georgetown_borders', 'cbcl2006', 'serre2007', "
        "'riesenhuber1999', 'serre_riesenhuber2004', got 'vgg'",
    ),
    "even filter": (
        lambda: c1(filter_sizes=((8,),)),
        ValueError,
        "`filter_sizes` must be odd and at least 3 pixels.*got 8",
    ),
    "filters not by band": (
        lambda: c1(filter_sizes=(7, 9)),
        TypeError,
        r"one sequence of numbers per band.*got \(7, 9\)",
    ),
    "wavelengths of another shape": (
        lambda: c1(wavelengths=((3.5,),)),
        ValueError,
        "`wavelengths` must have one number per filter",
    ),
    "too few pools": (
        lambda: c1(pool_sizes=(8, 10)),
        ValueError,
        "`pool_sizes` must have one number for each of the 8 bands",
    ),
    "more bands than there are": (
        lambda: c1(bands=9),
        ValueError,
        "`bands` must lie between 1 and 8, got 9",
    ),
    "no bands": (
        lambda: c1(bands=()),
        ValueError,
        r"`bands` must be whole numbers of at least 1, got \(\)",
    ),
    "a band twice": (lambda: c1(bands=(1, 1)), ValueError, "must not name a value twice"),
    "no orientations": (
        lambda: c1(orientations=0),
        ValueError,
        "`orientations` must lie between 1 and 1000",
    ),
    "unknown response": (
        lambda: c1(s1_response="squared"),
        ValueError,
        "`s1_response` must be one of 'absolute', 'half', 'signed', 'energy', got 'squared'",
    ),
    "energy without a pair": (
        lambda: c1(s1_response="energy"),
        ValueError,
        r"quadrature pair, such as `phases` \(0, 90\), got \(0,\)",
    ),
    "text for a number": (
        lambda: c2(tuning="gaussian", sharpness="a"),
        TypeError,
        "`sharpness` must be a number, got 'a'",
    ),
    "text for numbers": (
        lambda: c1(pool_sizes="many"),
        TypeError,
        "`pool_sizes` must be a sequence of numbers, got 'many'",
    ),
    "a filter twice": (
        lambda: c1(orientations=(0, 180)),
        ValueError,
        "must not name a filter twice",
    ),
    "negative sharpness": (
        lambda: c2(tuning="gaussian", sharpness=-1.0),
        ValueError,
        "`sharpness` must be positive, got -1.0",
    ),
    "a third of a prototype": (
        lambda: HMAX(n_prototypes=0.3).fit(GOOD),
        ValueError,
        "`n_prototypes` must be a whole number of at least 1 per size, got 0.3",
    ),
    "prototypes larger than C1": (
        lambda: HMAX(prototype_sizes=(30,)).fit(GOOD),
        ValueError,
        "`prototype_sizes` 30 cannot be imprinted from image 0",
    ),
    "not fitted": (
        lambda: HMAX().transform(GOOD),
        NotFittedError,
        "not fitted yet: 'c2' must be learned. Call `fit` with layer='c2'",
    ),
    "prototypes of other orientations": (
        lambda: c2(orientations=6),
        ValueError,
        "have 4 features, but C1 of this model has 6",
    ),
    "prototypes in another order": (
        lambda: c2(orientations=(0, 45, 90, 135)),
        ValueError,
        "were made with orientations",
    ),
    "size not among the prototypes": (
        lambda: c2(prototype_sizes=(5,)),
        ValueError,
        "`prototype_sizes` 5 is not among the sizes of `prototypes`: 2, 4, 6",
    ),
    "more prototypes than there are": (
        lambda: c2(n_prototypes=101),
        ValueError,
        "`n_prototypes` must be at most 100",
    ),
    "prototypes of no kind": (
        lambda: HMAX(prototypes=3).transform(GOOD),
        TypeError,
        "`prototypes` must be None, 'photographs', 'arrangements', a path",
    ),
    "prototypes of odd shape": (
        lambda: Prototypes({4: np.zeros((2, 4, 4, 5))}),
        ValueError,
        r"shape \(count, n_features, 4, 4\), got float64 of shape",
    ),
    "prototypes with NaN": (
        lambda: Prototypes({1: np.full((2, 4, 1, 1), np.nan)}),
        ValueError,
        "size 1 hold infinity, or a patch of NaN alone",
    ),
    "no prototypes": (lambda: Prototypes({}), ValueError, "at least one size, got none"),
    "missing prototype file": (
        lambda: HMAX(prototypes="no.npz").transform(GOOD),
        FileNotFoundError,
        "there is no file no.npz",
    ),
    "unknown kind of file": (
        lambda: write_prototypes(Prototypes({1: np.ones((1, 4, 1, 1))}), "p.txt"),
        ValueError,
        r"must end in \.npz or \.mat",
    ),
    # small parts
    "constant filter": (lambda: gabor(3, 1e9, 0), ValueError, "is constant"),
    "negative wavelength": (lambda: gabor(7, -3, 0), ValueError, "must be positive, got -3"),
    "window of half a unit": (
        lambda: Window(0.5),
        ValueError,
        "`window` must be a whole number of at least 1",
    ),
    "padding on three sides": (
        lambda: Window(3, padding=(1, 2, 3)),
        ValueError,
        "`padding` must be a whole number, a pair",
    ),
    "window larger than the map": (
        lambda: Window(5).count(4, 9),
        ValueError,
        "must fit into the map of 4 x 9 units",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_bad_input(kind):
    call, error, text = KINDS[kind]
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("broken.npz", b"PK\x03\x04broken", r"broken\.npz is not a readable \.npz archive"),
        ("text.npz", b"hello", r"text\.npz is not a readable \.npz archive"),
        ("text.mat", b"hello", r"text\.mat is not a MATLAB file"),
        ("empty.mat", b"", r"empty\.mat is not a MATLAB file"),
        ("other.csv", b"1,2", r"must be a \.npz or \.mat file, got other\.csv"),
    ],
)
def test_unreadable_prototype_files(tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=text):
        read_prototypes(tmp_path / name)


def test_files_of_another_content(tmp_path):
    np.savez(tmp_path / "other.npz", features=np.zeros(3))
    with pytest.raises(ValueError, match=r"holds no arrays named patches_N, but features"):
        read_prototypes(tmp_path / "other.npz")


def test_presets_are_not_changed_by_use():
    before = repr(PRESETS)
    c1(bands=2, orientations=6)
    assert repr(PRESETS) == before
