"""MobileNetV3 has the published parameters."""

from __future__ import annotations

import pytest

from fiqa.errors import InputError, UnknownNameError

torch = pytest.importorskip("torch")

from fiqa.nets.mobilenetv3 import MobileNetV3  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize(("variant", "count"), [("small", 2_542_856), ("large", 5_483_032)])
def test_the_number_of_parameters_is_the_published_one(variant, count):
    with torch.device("meta"):
        net = MobileNetV3(variant)
    assert sum(value.numel() for value in net.parameters()) == count


@pytest.mark.parametrize(
    ("variant", "shapes"),
    [
        (
            "small",
            {
                "features.0.0.weight": (16, 3, 3, 3),
                "features.0.1.running_var": (16,),
                "features.1.block.0.0.weight": (16, 1, 3, 3),
                "features.1.block.1.fc1.weight": (8, 16, 1, 1),
                "features.1.block.1.fc2.bias": (16,),
                "features.1.block.2.0.weight": (16, 16, 1, 1),
                "features.4.block.1.0.weight": (96, 1, 5, 5),
                "features.4.block.2.fc1.bias": (24,),
                "features.11.block.3.1.num_batches_tracked": (),
                "features.12.0.weight": (576, 96, 1, 1),
                "classifier.0.weight": (1024, 576),
                "classifier.3.bias": (1000,),
            },
        ),
        (
            "large",
            {
                "features.1.block.0.0.weight": (16, 1, 3, 3),
                "features.1.block.1.0.weight": (16, 16, 1, 1),
                "features.4.block.2.fc1.weight": (24, 72, 1, 1),
                "features.8.block.0.0.weight": (200, 80, 1, 1),
                "features.15.block.2.fc2.weight": (960, 240, 1, 1),
                "features.16.0.weight": (960, 160, 1, 1),
                "classifier.0.weight": (1280, 960),
                "classifier.3.weight": (1000, 1280),
            },
        ),
    ],
)
def test_names_and_shapes_are_torchvisions(variant, shapes):
    with torch.device("meta"):
        state = MobileNetV3(variant).state_dict()
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    assert len(state) == {"small": 244, "large": 312}[variant]


def test_without_a_classifier_it_gives_pooled_features_of_any_image_size():
    net = MobileNetV3("small", classes=0).eval()
    assert net.width == 576
    assert not [name for name in net.state_dict() if name.startswith("classifier")]
    for size in (32, 112):
        out = net(torch.rand(2, 3, size, size))
        assert out.shape == (2, 576)
    assert net(torch.rand(0, 3, 32, 32)).shape == (0, 576)


def test_squeeze_and_excitation_and_hard_swish_are_where_the_tables_have_them():
    net = MobileNetV3("large", classes=0)
    squeezed = [
        i
        for i in range(1, 16)
        if any("fc1" in name for name, _ in net.features[i].named_parameters())
    ]
    assert squeezed == [4, 5, 6, 11, 12, 13, 14, 15]
    swished = [
        i
        for i in range(1, 16)
        if any(isinstance(m, torch.nn.Hardswish) for m in net.features[i].modules())
    ]
    assert swished == list(range(7, 16))
    assert [i for i in range(1, 16) if net.features[i].residual] == [
        1,
        3,
        5,
        6,
        8,
        9,
        10,
        12,
        14,
        15,
    ]


def test_a_wrong_argument_says_what_there_is():
    with pytest.raises(
        UnknownNameError, match="Unknown variant 'smal'; must be one of: large, small"
    ):
        MobileNetV3("smal")
    with pytest.raises(InputError, match=r"classes must be in \[0, inf\], got -1"):
        MobileNetV3(classes=-1)
