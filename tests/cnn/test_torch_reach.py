"""Fields of other people's networks against gradients of a linearised copy: never smaller than what
they show, and exact where they say so."""

import copy

import numpy as np
import pytest

from hmax_cnn.cnn.pytorch import TorchExtractor
from hmax_cnn.extraction.images import InputWarning

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn, F = torch.nn, torch.nn.functional


class Do(nn.Module):
    """A function as a module, with the submodules that it uses."""

    def __init__(self, function, *parts):
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(parts)

    def forward(self, x):
        return self.function(x, *self.parts)


def conv(size, stride=1, padding=0, channels=4, **more):
    return nn.Conv2d(4, channels, size, stride, padding, **more)


def pad(*sides, **more):
    return Do(lambda x: F.pad(x, sides, **more))


def slice_assigned(x, a, b):
    y = a(x).clone()
    y[:, :2] = b(x)[:, :2]
    return y


def assigned_through_a_view(x, a, b):
    y = a(x).clone()
    y[:, 2:].copy_(b(x)[:, 2:])
    return y


def added_in_place(x, a, b):
    y = a(x)
    y += b(x)
    return y


def masked(x, a, b):
    y = a(x)
    return y.masked_scatter(torch.ones_like(y) > 0, b(x))


def channels_last(x, norm, linear):
    return linear(norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


def squeezed(x, a, b):
    return a(x) * torch.sigmoid(b(x.mean(dim=(2, 3), keepdim=True)))


def tokens(x, attention):
    n, c, h, w = x.shape
    flat = x.flatten(2).transpose(1, 2)
    return attention(flat, flat, flat)[0].transpose(1, 2).reshape(n, c, h, w)


def shuffled_channels(x):
    n, c, h, w = x.shape
    return x.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def with_out(x, a, b):
    y = a(x).clone()
    torch.add(y.detach(), b(x).detach(), out=torch.empty_like(y))
    return y


def stem(*layers):
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *layers)


PLAIN = {
    "convolution": lambda: stem(conv(5)),
    "strided, padded": lambda: stem(conv(3, 2, 1), conv(3, 2, 1)),
    "dilated": lambda: stem(conv(3, 1, 2, dilation=2)),
    "uneven kernel": lambda: stem(conv((3, 5), (2, 1), (0, 2))),
    "same": lambda: stem(conv(4, padding="same", dilation=2)),
    "depthwise": lambda: stem(conv(3, groups=4), conv(1)),
    "maximum": lambda: stem(nn.MaxPool2d(3, 2, 1), nn.ReLU(), conv(3)),
    "maximum, partial windows": lambda: stem(nn.MaxPool2d(3, 2, ceil_mode=True)),
    "mean": lambda: stem(nn.AvgPool2d(2), conv(3)),
    "zero padding, one side": lambda: stem(pad(0, 1, 0, 1), conv(3, 2)),
    "zero padding, both sides": lambda: stem(nn.ZeroPad2d((1, 2, 0, 3)), conv(5, 2)),
    "padding with a constant": lambda: stem(nn.ConstantPad2d(2, 7.0), conv(5)),
    "padding, twice": lambda: stem(pad(0, 1, 0, 1), conv(3, 2), pad(0, 1, 0, 1), conv(3, 2)),
    "cropping": lambda: stem(pad(-2, -1, -3, 0), conv(3)),
    "batch norm": lambda: stem(nn.BatchNorm2d(4), conv(3)),
    "local response norm": lambda: stem(nn.LocalResponseNorm(2), conv(3)),
    "dropout": lambda: stem(nn.Dropout2d(), conv(3)),
    "branches": lambda: stem(Do(lambda x, a, b: a(x) + b(x), conv(3, padding=1), conv(1))),
    "branches, side by side": lambda: stem(
        Do(lambda x, a, b: torch.cat([a(x), b(x)], 1), conv(5, padding=2), conv(1))
    ),
    "added in place": lambda: stem(Do(added_in_place, conv(3, padding=1), conv(7, padding=3))),
    "activations": lambda: stem(nn.Hardswish(), nn.SiLU(), nn.GELU(), nn.ELU(), conv(3)),
    "gated": lambda: stem(
        Do(lambda x, a, b: a(x) * torch.sigmoid(b(x)), conv(1), conv(5, padding=2)), conv(3)
    ),
}
MEASURED = {
    "upsampled": lambda: stem(nn.Upsample(scale_factor=2), conv(3)),
    "down and up": lambda: nn.Sequential(
        *[nn.Conv2d(4 if i else 3, 4, 3, 2, 1) for i in range(2)],
        nn.Upsample(scale_factor=4),
        conv(3, padding=1),
    ),
    "bilinear": lambda: stem(conv(3, 2), nn.Upsample(scale_factor=2, mode="bilinear"), conv(3)),
    "bicubic": lambda: stem(conv(3, 2), nn.Upsample(scale_factor=2, mode="bicubic"), conv(3)),
    "transposed": lambda: stem(conv(4, 2, 1), nn.ConvTranspose2d(4, 4, 4, 2, 1)),
    "transposed, 3 by 2": lambda: stem(conv(4, 2, 1), nn.ConvTranspose2d(4, 4, 3, 2), conv(3)),
    "pixels unshuffled": lambda: stem(nn.PixelUnshuffle(2), nn.Conv2d(16, 4, 3)),
    "pixels shuffled": lambda: stem(conv(3, 2), nn.PixelShuffle(2), nn.Conv2d(1, 4, 3)),
    "part assigned": lambda: stem(Do(slice_assigned, conv(3, padding=1), conv(7, padding=3))),
    "assigned through a view": lambda: stem(
        Do(assigned_through_a_view, conv(3, padding=1), conv(7, padding=3))
    ),
    "scattered": lambda: stem(Do(masked, conv(3, padding=1), conv(7, padding=3))),
    "written elsewhere": lambda: stem(Do(with_out, conv(3, padding=1), conv(7, padding=3))),
    "reflected border": lambda: stem(conv(5, padding=2, padding_mode="reflect")),
    "copied border": lambda: stem(conv(5, padding=2, padding_mode="replicate")),
    "reflected, far": lambda: stem(pad(4, 4, 4, 4, mode="reflect"), conv(3)),
    "channels last": lambda: stem(Do(channels_last, nn.LayerNorm(4), nn.Linear(4, 4)), conv(3)),
    "channels shuffled": lambda: stem(Do(shuffled_channels), conv(3)),
    "cropped by a slice": lambda: stem(Do(lambda x: x[:, :, 2:, 1:]), conv(3)),
    "every other place": lambda: stem(Do(lambda x: x[:, :, ::2, 1::2]), conv(3)),
    "lower minus upper": lambda: stem(Do(lambda x: x[:, :, 1:] - x[:, :, :-1]), conv(3)),
    "branches of other steps": lambda: stem(
        Do(
            lambda x, a, b: a(x)[:, :, :8, :8] + b(x)[:, :, :8, :8],
            conv(3, 2),
            conv(3),
        )
    ),
    "maximum of branches": lambda: stem(
        Do(lambda x, a, b: torch.maximum(a(x), b(x)), conv(3, padding=1), conv(5, padding=2))
    ),
    "stacked": lambda: stem(
        Do(lambda x, a, b: torch.stack([a(x), b(x)]).sum(0), conv(1), conv(5, padding=2))
    ),
}
WHOLE = {
    "batch norm without statistics": lambda: stem(
        conv(3), nn.BatchNorm2d(4, track_running_stats=False)
    ),
    "instance norm": lambda: stem(nn.InstanceNorm2d(4), conv(3)),
    "group norm": lambda: stem(nn.GroupNorm(2, 4), conv(3)),
    "circular border": lambda: stem(conv(3, padding=1, padding_mode="circular")),
    "squeeze and excite": lambda: stem(Do(squeezed, conv(3), conv(1))),
    "attention": lambda: stem(
        conv(4, 4), Do(tokens, nn.MultiheadAttention(4, 2, batch_first=True))
    ),
    "turned round": lambda: stem(Do(lambda x: x.roll((1, 2), (2, 3))), conv(3)),
    "flipped": lambda: stem(Do(lambda x: x + x.flip(-1)), conv(3)),
    "mean over places": lambda: stem(nn.AdaptiveAvgPool2d(1)),
    "dense": lambda: stem(conv(3, 4), nn.Flatten(), nn.LazyLinear(5)),
    "over a row": lambda: stem(Do(lambda x: x.softmax(dim=3)), conv(3)),
    "cumulated": lambda: stem(Do(lambda x: x.cumsum(2).cumsum(3)), conv(3)),
}
GRAPHS = PLAIN | MEASURED | WHOLE
SIDE = 24


def built(name):
    """A module, and a linearised copy of it in double precision."""
    torch.manual_seed(0)
    module = GRAPHS[name]().eval()
    module(torch.zeros(2, 3, SIDE, SIDE))  # lazy layers find their size
    plain = copy.deepcopy(module).double()
    for one in [one for one in plain.modules() if not isinstance(one, Do)]:
        for child, part in one.named_children():
            if isinstance(part, nn.ReLU | nn.Hardswish | nn.SiLU | nn.GELU | nn.ELU):
                setattr(one, child, nn.Identity())
            if isinstance(part, nn.MaxPool2d):
                window = (part.kernel_size, part.stride, part.padding, part.ceil_mode)
                setattr(one, child, nn.AvgPool2d(*window))
    with torch.no_grad():
        for weight in plain.parameters():
            # Sums of about 1, so that no sigmoid is so steep that its derivative is 0.
            drawn = torch.rand(weight.shape, dtype=torch.float64) + 0.5
            weight.copy_(drawn / max(1, weight[0].numel()))
    return module, plain


def seen_by_gradients(plain):
    """First and last row and column of the image that units of the last map reach: of those in a
    row and a column through the middle, and in two corners."""
    image = torch.rand(1, 3, SIDE, SIDE, dtype=torch.float64, requires_grad=True)
    maps = plain(image)
    maps = maps.reshape(1, maps.shape[1], *(maps.shape[2:] or (1, 1)))
    height, width = maps.shape[2:]
    cross = {(y, width // 2) for y in range(height)} | {(height // 2, x) for x in range(width)}
    for y, x in sorted(cross | {(0, 0), (height - 1, width - 1)}):
        weights = torch.rand(maps.shape[1], dtype=torch.float64) + 0.5
        (gradient,) = torch.autograd.grad(
            (maps[0, :, y, x] * weights).sum(), image, retain_graph=True
        )
        lit = (gradient[0] != 0).any(0).numpy()
        if lit.any():
            rows, columns = np.flatnonzero(lit.any(1)), np.flatnonzero(lit.any(0))
            yield (y, x), (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)


@pytest.mark.filterwarnings("ignore::hmax_cnn.extraction.images.InputWarning")
@pytest.mark.parametrize("name", GRAPHS)
def test_no_unit_sees_beyond_its_field(name):
    """By gradients; where the field is exact, units away from the border see no less;
    where it was measured, it is the smallest that holds the units away from the border."""
    module, plain = built(name)
    model = TorchExtractor(module, natural_shape=(SIDE, SIDE))
    field = model.geometry((SIDE, SIDE), ("output",))["output"][0].field
    expected = {"exact"} if name in PLAIN else {"measured"} if name in MEASURED else {"whole image"}
    assert field.status in expected | ({"exact"} if name == "written elsewhere" else set())
    spans = []
    for (y, x), *seen in seen_by_gradients(plain):
        for span, place, (first, end) in zip((field.y, field.x), (y, x), seen, strict=True):
            low, high = span.edges(place)
            assert low <= first < end <= high, (y, x)
            if first > 0 and end < SIDE:
                spans.append((low, first, end, high))
    if field.status == "exact":
        assert spans
        assert all((low, high) == (first, end) for low, first, end, high in spans)
    elif field.status == "measured":
        assert min(first - low for low, first, _, _ in spans) <= 1
        assert min(high - end for _, _, end, high in spans) <= 1


def test_no_mode_of_the_caller_and_no_failure_is_kept():
    """Inside no_grad and inference_mode the field is what it is outside, and afterwards."""
    for mode in (torch.no_grad, torch.inference_mode):
        module = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.Upsample(scale_factor=2))
        model = TorchExtractor(module, natural_shape=(SIDE, SIDE))
        with mode():
            inside = model.geometry((SIDE, SIDE), ("1",))["1"][0].field
        assert inside == model.geometry((SIDE, SIDE), ("1",))["1"][0].field
        assert (inside.status, inside.y.size, inside.y.step) == ("measured", 4, 1)
    failing = Do(lambda x: (_ for _ in ()).throw(RuntimeError("no such image")))
    model = TorchExtractor(failing, natural_shape=(SIDE, SIDE))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no such image"):
            model.geometry((SIDE, SIDE), ("output",))


def test_the_module_is_as_it_was_after_measuring():
    """Weights, buffers, precision and mode of a module whose fields were measured."""
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.Upsample(scale_factor=2)
    ).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    TorchExtractor(module, natural_shape=(SIDE, SIDE)).fields((SIDE, SIDE))
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(before[name].dtype == after[name].dtype for name in before)
    assert module.training


def test_features_that_depend_on_the_batch_are_warned_of():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False))
    images = np.random.default_rng(0).integers(0, 255, (3, SIDE, SIDE, 3), dtype=np.uint8)
    with pytest.warns(InputWarning, match="responses of '1' .* depend on the other images"):
        TorchExtractor(module, natural_shape=(SIDE, SIDE)).fit(images)


def test_weights_that_are_no_numbers_are_refused():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))
    with torch.no_grad():
        module[1].bias[2] = float("nan")
    with pytest.raises(ValueError, match=r"NaN or infinity in '1\.bias'"):
        TorchExtractor(module, natural_shape=(SIDE, SIDE)).fields((SIDE, SIDE))


def test_half_precision_of_the_other_kind():
    """bfloat16, which NumPy does not have: responses and gradients come out in single precision."""
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).to(torch.bfloat16)
    images = np.random.default_rng(0).integers(0, 255, (2, SIDE, SIDE, 3), dtype=np.uint8)
    model = TorchExtractor(module, natural_shape=(SIDE, SIDE), layer="1")
    assert model.transform(images).dtype == np.float32
    gradient = model.image_gradient(images, "1", 0)
    assert gradient.shape == images.shape
    assert np.isfinite(gradient).all()


def test_multiply_accumulates_are_counted():
    """By hand: places times weights of each convolution, of each layer by itself."""
    inner = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2), nn.ReLU())
    module = nn.Sequential(nn.Conv2d(3, 4, 5), inner, nn.Flatten(), nn.LazyLinear(7))
    module(torch.zeros(1, 3, SIDE, SIDE))
    table = TorchExtractor(module, natural_shape=(SIDE, SIDE)).summary((SIDE, SIDE))
    found = table.set_index("layer")["multiply_accumulates"]
    assert found["0"] == 20 * 20 * 4 * 3 * 25
    assert found["1.0"] == 9 * 9 * 6 * 4 * 9
    assert found["3"] == 9 * 9 * 6 * 7
    assert found[["1", "1.1", "2", "output"]].tolist() == [0, 0, 0, 0]


def test_multiply_accumulates_of_what_a_list_holds():
    """A list of modules is never called itself: what it holds is counted once."""

    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    table = TorchExtractor(Listed(), natural_shape=(SIDE, SIDE)).summary((SIDE, SIDE))
    found = table.set_index("layer")["multiply_accumulates"]
    assert found["blocks.0"] == 22 * 22 * 4 * 3 * 9
    assert found["blocks.1"] == 20 * 20 * 2 * 4 * 9
    assert found["output"] == 0
