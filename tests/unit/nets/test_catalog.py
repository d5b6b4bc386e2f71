"""Every backbone can be made and loaded, and a file that is not its own is refused with the keys
that differ."""

from __future__ import annotations

import pickle

import pytest

from fiqa.errors import InputError, UnknownNameError, UnsafeFileError, WeightsError

torch = pytest.importorskip("torch")
from safetensors.torch import save_file  # noqa: E402

from fiqa.nets.catalog import BACKBONES, backbone, load_weights  # noqa: E402
from fiqa.nets.mobilefacenet import MobileFaceNet  # noqa: E402

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v3_small",
        "mobilenet_v3_large",
        "mobilefacenet",
        "mobilefacenet_half",
        "iresnet18",
    ],
)
def test_the_width_is_what_a_backbone_gives(name):
    line = BACKBONES[name]
    size = line.size or 64
    for embedding in (0, 24) if line.pooled else (24,):
        net, width = backbone(name, embedding)
        with torch.no_grad():
            assert net.eval()(torch.rand(2, 3, size, size)).shape == (2, width)
        assert embedding in (0, width)


@pytest.mark.parametrize(("name", "blocks"), [("iresnet50", 14), ("iresnet100", 30)])
def test_the_depth_is_in_the_name(name, blocks):
    with torch.device("meta"):
        net, width = backbone(name, 512)
    assert len(net.layer3) == blocks
    assert width == 512


def test_a_backbone_without_pooled_features_wants_an_embedding():
    with pytest.raises(InputError, match="embedding must be at least 1 for iresnet18, got 0"):
        backbone("iresnet18")
    with pytest.raises(UnknownNameError, match="did you mean 'iresnet50'"):
        backbone("iresnet5")
    with pytest.raises(InputError, match=r"embedding must be in \[0, inf\], got -1"):
        backbone("mobilefacenet", -1)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_come_back_and_the_last_layers_are_passed_over(tmp_path, suffix):
    torch.manual_seed(1)
    whole = MobileFaceNet(16)
    file = tmp_path / f"w{suffix}"
    (
        save_file(whole.state_dict(), file)
        if suffix == ".safetensors"
        else torch.save(whole.state_dict(), file)
    )
    again, pooled = MobileFaceNet(16).eval(), MobileFaceNet(0).eval()
    load_weights(again, file)
    load_weights(pooled, file)
    crops = torch.rand(2, 3, 112, 112)
    whole.eval()
    with torch.no_grad():
        assert torch.equal(again(crops), whole(crops))
        own = whole.gdconv(whole.conv2(whole.features(whole.dw_conv(whole.conv1(crops))))).flatten(
            1
        )
        assert torch.equal(pooled(crops), own)


def test_weights_of_another_network_are_refused_with_the_first_keys(tmp_path):
    net = MobileFaceNet(16)
    state = net.state_dict()
    state["extra"] = torch.zeros(1)
    for name in list(state)[:5]:
        del state[name]
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(
        WeightsError,
        match=(
            r"missing: conv1.0.weight, conv1.1.weight, conv1.1.bias and 2 more; unexpected: extra\."
        ),
    ):
        load_weights(net, tmp_path / "w.safetensors")
    save_file(MobileFaceNet(8).state_dict(), tmp_path / "s.safetensors")
    with pytest.raises(
        WeightsError, match=r"of another shape: conv3.weight \(8, 512, 1, 1\) for \(16, 512, 1, 1\)"
    ):
        load_weights(net, tmp_path / "s.safetensors")


class _Harm:
    def __reduce__(self):
        return print, ("harm",)


def test_a_file_that_is_no_state_dict_is_refused_and_nothing_in_it_runs(tmp_path, capsys):
    net = MobileFaceNet(0)
    torch.save({"a": _Harm()}, tmp_path / "harm.pt")
    with pytest.raises(UnsafeFileError, match="must hold tensors only"):
        load_weights(net, tmp_path / "harm.pt")
    (tmp_path / "raw.pth").write_bytes(pickle.dumps(_Harm()))
    with pytest.raises((UnsafeFileError, WeightsError)):
        load_weights(net, tmp_path / "raw.pth")
    assert not capsys.readouterr().out
    torch.save({"state_dict": {}}, tmp_path / "nested.pt")
    with pytest.raises(WeightsError, match="names and tensors, nothing around it"):
        load_weights(net, tmp_path / "nested.pt")
    for name, content in {
        "cut.safetensors": b"\x08",
        "cut.pt": b"PK\x03\x04",
        "empty.pt": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises((WeightsError, UnsafeFileError)):
            load_weights(net, tmp_path / name)
    with pytest.raises(WeightsError, match="there is none at"):
        load_weights(net, tmp_path / "no.pt")
    with pytest.raises(UnknownNameError, match=r"Unknown suffix of weights '\.bin'"):
        load_weights(net, tmp_path / "no.bin")
