"""Answers that every machine should give, from random numbers to trained networks."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from scipy import fft
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC
from threadpoolctl import threadpool_info

from hmax_cnn.cnn import CNN, MultilayerPerceptron
from hmax_cnn.data import Dataset, open_dataset
from hmax_cnn.data.stimuli import gratings
from hmax_cnn.extraction import FeatureExtractor, FilterBank, compiled
from hmax_cnn.extraction.batches import even_batches
from hmax_cnn.extraction.progress import silence
from hmax_cnn.hmax import HMAX

_KEPT = 40  # numbers of each answer, from all over it
PACKAGES = ("hmax-cnn", "numpy", "scipy", "scikit-learn", "pillow", "numba")


@dataclass(frozen=True)
class Answer:
    """Something that is computed here as it was where the package was made.

    Attributes
    ----------
    name : str
    libraries : tuple of str
        Packages that it depends on, the one that is most likely to differ first.
    tolerance : float
        Largest difference, as a share of the largest number.
    compute : callable
        From a device to numbers.
    """

    name: str
    libraries: tuple[str, ...]
    tolerance: float
    compute: Callable[[str], np.ndarray]


def _random_numbers(_: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    drawn = [rng.standard_normal(500), rng.integers(0, 1000, 500), rng.permutation(500)]
    return np.concatenate(drawn)


def _photographs(resize: str) -> np.ndarray:
    return _stacked(open_dataset("photographs").framed(resize))


def _stacked(images: Dataset) -> np.ndarray:
    return np.stack([images[number] for number in range(len(images))])


def _matrices() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((2, 96, 96)).astype(np.float32)


def _product(_: str) -> np.ndarray:
    one, other = _matrices()
    return one @ other


def _singular_values(_: str) -> np.ndarray:
    return np.linalg.svd(_matrices()[0], compute_uv=False)


def _spectrum(_: str) -> np.ndarray:
    return np.abs(fft.rfft2(_photographs("stretch:64x64")[0, ..., 0].astype(np.float32)))


def _features(model: FeatureExtractor, images: Any, device: str) -> np.ndarray:
    return model.set_params(device=device, progress=False).transform(images)


def _pictures() -> Dataset:
    return open_dataset("photographs").framed("stretch:128x160")


def _hmax(layer: str, preset: str) -> Callable[[str], np.ndarray]:
    def compute(device: str) -> np.ndarray:
        model = HMAX(preset, layer=layer, prototypes="photographs" if layer == "c2" else None)
        return _features(model, _pictures(), device)

    return compute


def _gratings(device: str) -> np.ndarray:
    shown = gratings((64, 64), (0, 30, 60, 90), (0.05, 0.1), (0, 90))
    return _features(FilterBank(size=11), shown, device)


def _digits() -> Dataset:
    return open_dataset("digits").subset(slice(300)).framed("stretch:28x28")


def _untrained(device: str) -> np.ndarray:
    model = CNN(architecture="lenet5", weights="untrained", random_state=0)
    return _features(model, _digits().subset(slice(20)), device)


def _trained(device: str) -> np.ndarray:
    model = CNN(architecture="lenet5", epochs=1, random_state=0, device=device)
    images = _digits()
    return _features(model.fit(images, images.labels), images.subset(slice(20)), device)


def _perceptron(device: str) -> np.ndarray:
    model = MultilayerPerceptron(epochs=1, random_state=0, device=device)
    images = _digits()
    return _features(model.fit(images, images.labels), images.subset(slice(20)), device)


def _readout(_: str) -> np.ndarray:
    images = _digits()
    pixels, labels = _stacked(images).reshape(300, -1) / 255, np.asarray(images.labels)
    svm = SVC(kernel="linear").fit(pixels[:200], labels[:200])
    logistic = LogisticRegression(max_iter=200).fit(pixels[:200], labels[:200])
    return np.concatenate(
        [svm.decision_function(pixels[200:]).ravel(), logistic.predict_proba(pixels[200:]).ravel()]
    )


_MODEL = ("numpy", "numba")
# Tolerances: at least ten times what BLAS of other processors, or no kernels of Numba, made of
# each: 1e-7 (a product), 3e-7 (C1), 1.4e-6 (C2), 4e-7 (networks).
ANSWERS = (
    Answer("random numbers", ("numpy",), 0.0, _random_numbers),
    Answer("decoded JPEG", ("pillow",), 0.02, lambda _: _photographs("none")),
    Answer("resized", ("pillow",), 0.02, lambda _: _photographs("shorter:100")),
    Answer("matrix product", ("numpy",), 1e-5, _product),
    Answer("singular values", ("numpy",), 1e-5, _singular_values),
    Answer("Fourier transform", ("scipy",), 1e-5, _spectrum),
    Answer("Gabor energy of gratings", _MODEL, 1e-5, _gratings),
    Answer("HMAX georgetown C1", _MODEL, 1e-5, _hmax("c1", "georgetown")),
    Answer("HMAX georgetown C2", _MODEL, 2e-5, _hmax("c2", "georgetown")),
    Answer("HMAX serre2007 C2", _MODEL, 2e-5, _hmax("c2", "serre2007")),
    Answer("LeNet-5, untrained", _MODEL, 1e-5, _untrained),
    Answer("LeNet-5, trained", _MODEL, 1e-5, _trained),
    Answer("multilayer perceptron, trained", _MODEL, 1e-5, _perceptron),
    Answer("linear readouts", ("scikit-learn", "numpy"), 1e-3, _readout),
)


@dataclass(frozen=True)
class Compared:
    """An answer of this machine beside the one that was shipped.

    Attributes
    ----------
    answer : Answer
    difference : float
        The largest among 40 numbers spread over the answer, as a share of the largest of them; NaN
        where it could not be computed.
    to_the_last_bit : bool
    error : str
        Why it could not be computed; '' if it could.
    """

    answer: Answer
    difference: float
    to_the_last_bit: bool
    error: str = ""

    @property
    def agrees(self) -> bool:
        """Whether it is within its tolerance."""
        return self.difference <= self.answer.tolerance


def compared(device: str = "cpu") -> Iterator[Compared]:
    """Compute every answer, and compare it.

    Parameters
    ----------
    device : {'cpu', 'cuda'}

    Yields
    ------
    Compared
    """
    shipped = known()["answers"]
    for answer in ANSWERS:
        try:
            numbers = computed(answer, device)
        except Exception as error:  # of any library: it is what is looked for
            text = f"{type(error).__name__}: {error}"
            yield Compared(answer, np.nan, to_the_last_bit=False, error=text)
            continue
        expected = shipped[answer.name]
        same = _digest(numbers) == expected["digest"]
        yield Compared(answer, _difference(numbers, expected), to_the_last_bit=same)


def computed(answer: Answer, device: str) -> np.ndarray:
    """The numbers of an answer, which do not depend on the number of threads."""
    with silence(), even_batches():
        return np.asarray(answer.compute(device))


def _difference(numbers: np.ndarray, expected: Mapping[str, Any]) -> float:
    if list(numbers.shape) != expected["shape"]:
        return float("inf")
    found, values = _some_of(numbers), np.array(expected["values"])
    difference = float(np.abs(found - values).max() / max(np.abs(values).max(), 1e-30))
    return float("inf") if np.isnan(difference) else difference


def _some_of(numbers: np.ndarray) -> np.ndarray:
    flat = numbers.reshape(-1).astype(float)
    return flat[np.linspace(0, len(flat) - 1, _KEPT).astype(int)]


def _digest(numbers: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(numbers).tobytes()).hexdigest()


def machine() -> dict[str, str]:
    """What computes here: versions, the kind of processor, BLAS, kernels.

    Returns
    -------
    dict from str to str
    """
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    found["processor"] = platform.machine()
    parts = ("internal_api", "version", "architecture")
    blas = {
        " ".join(str(one[part]) for part in parts if one.get(part))
        for one in threadpool_info()
        if one["user_api"] == "blas"
    }
    found["BLAS"] = ", ".join(sorted(blas))
    found["kernels"] = "compiled" if compiled.versions() else "NumPy"
    return found


def known() -> dict[str, Any]:
    """The answers that are shipped, and what they were made with.

    Returns
    -------
    dict
    """
    text = files("hmax_cnn.analysis.commands").joinpath("answers.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def write(path: Path) -> None:
    """Write the answers of this machine, to be shipped.

    Parameters
    ----------
    path : Path
    """
    answers = {}
    for answer in ANSWERS:
        numbers = computed(answer, "cpu")
        answers[answer.name] = {
            "shape": list(numbers.shape),
            "values": _some_of(numbers).tolist(),
            "digest": _digest(numbers),
        }
    path.write_text(json.dumps({"machine": machine(), "answers": answers}, indent=1) + "\n")
