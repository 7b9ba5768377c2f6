"""Best matches are the winners."""

import pytest

from hmax_cnn.analysis.measures.best_matches import best_matches
from hmax_cnn.data import photographs
from hmax_cnn.extraction import Pixels
from hmax_cnn.hmax import HMAX

pytestmark = pytest.mark.quick


def test_best_matches_are_the_winners():
    """Boxes are those of HMAX.winners for the prototype that is closest for its length; other
    models have none."""
    model = HMAX(prototypes="photographs", bands=2, prototype_sizes=(4, 8), n_prototypes=6)
    pictures = photographs().framed("height:90")
    found = best_matches(model, pictures, n_images=2, n_matches=2)
    won = model.winners(pictures)
    for picture in range(2):
        for match in range(2):
            one = found.isel(picture=picture, match=match)
            other = won.isel(image=picture).sel(unit=str(one["unit"].item()))
            assert [one[side].item() for side in ("top", "left", "bottom", "right")] == [
                other[side].item() for side in ("top", "left", "bottom", "right")
            ]
    assert found["luminance"].sizes["picture"] == 2
    with pytest.raises(TypeError, match="`model` must know which patch won"):
        best_matches(Pixels(), pictures)
