"""How the loops of this folder are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

# Products and sums may be fused, and the sign of zero does not matter. Sums keep their order
# unless a kernel allows more.
_MATHEMATICS = {"contract", "nsz"}


def kernel(
    signature: str, *, reorders: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a function when it is defined, for one signature, without Python's lock.

    Parameters
    ----------
    signature : str
        Of Numba. One for each function: then whatever process fills the cache, its content is the
        same.
    reorders : bool
        Whether sums may be taken in any order, which lets one sum use a whole vector register.

    Returns
    -------
    callable
        A decorator.
    """
    return numba.njit(
        signature,
        nogil=True,
        cache=bool(numba.config.CACHE_DIR),
        fastmath=_MATHEMATICS | ({"reassoc"} if reorders else set()),
        error_model="numpy",
    )
