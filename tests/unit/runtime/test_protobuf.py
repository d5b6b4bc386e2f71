"""Hostile and broken ONNX files are refused before any runtime sees them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from fiqa.errors import ReadError, UnsafeFileError
from fiqa.runtime.protobuf import refuse_external_data


def _external(name: str = "w") -> TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return tensor


def _inside(name: str = "w") -> TensorProto:
    return numpy_helper.from_array(np.ones(2, np.float32), name)


def _graph(*nodes: Any, tensors: tuple[TensorProto, ...] = ()) -> Any:
    return helper.make_graph(list(nodes), "g", [], [], list(tensors))


def _model(graph: Any, **fields: Any) -> Any:
    return helper.make_model(graph, **fields)


def _sparse(values: TensorProto, indices: TensorProto) -> Any:
    return onnx.SparseTensorProto(values=values, indices=indices, dims=[4])


def _node(**attributes: Any) -> Any:
    return helper.make_node("Any", [], ["y"], **attributes)


def _in_tensors_attribute(t: TensorProto) -> Any:
    node = _node()
    node.attribute.add(name="many", type=onnx.AttributeProto.TENSORS).tensors.append(t)
    return _model(_graph(node))


def _in_graphs_attribute(t: TensorProto) -> Any:
    node = _node()
    node.attribute.add(name="many", type=onnx.AttributeProto.GRAPHS).graphs.append(
        _graph(tensors=(t,))
    )
    return _model(_graph(node))


def _in_sparse_tensors_attribute(t: TensorProto) -> Any:
    node = _node()
    node.attribute.add(name="many", type=onnx.AttributeProto.SPARSE_TENSORS).sparse_tensors.append(
        _sparse(t, _inside())
    )
    return _model(_graph(node))


def _in_training(t: TensorProto, part: str) -> Any:
    model = _model(_graph())
    getattr(model.training_info.add(), part).CopyFrom(_graph(tensors=(t,)))
    return model


def _in_sparse_initializer(t: TensorProto, *, indices: bool) -> Any:
    graph = _graph()
    graph.sparse_initializer.append(_sparse(_inside(), t) if indices else _sparse(t, _inside()))
    return _model(graph)


def _in_function(t: TensorProto, *, default: bool) -> Any:
    nodes = [] if default else [_node(value=t)]
    function = helper.make_function("d", "F", [], ["y"], nodes, [helper.make_opsetid("", 17)])
    if default:
        function.attribute_proto.append(helper.make_attribute("value", t))
    return _model(_graph(), functions=[function])


PLACES: dict[str, Callable[[TensorProto], Any]] = {
    "initializer": lambda t: _model(_graph(tensors=(_inside("a"), t))),
    "attribute": lambda t: _model(_graph(_node(value=t))),
    "attribute of many": _in_tensors_attribute,
    "subgraph": lambda t: _model(_graph(_node(then_branch=_graph(tensors=(t,))))),
    "subgraph of a subgraph": lambda t: _model(
        _graph(_node(body=_graph(_node(body=_graph(_node(value=t))))))
    ),
    "graphs": _in_graphs_attribute,
    "sparse values": lambda t: _in_sparse_initializer(t, indices=False),
    "sparse indices": lambda t: _in_sparse_initializer(t, indices=True),
    "sparse attribute": lambda t: _model(_graph(_node(value=_sparse(t, _inside())))),
    "sparse attributes": _in_sparse_tensors_attribute,
    "function": lambda t: _in_function(t, default=False),
    "function default": lambda t: _in_function(t, default=True),
    "training initialization": lambda t: _in_training(t, "initialization"),
    "training algorithm": lambda t: _in_training(t, "algorithm"),
}


@pytest.mark.parametrize("place", PLACES)
def test_external_data_is_found_wherever_it_hides(place: str) -> None:
    refuse_external_data(PLACES[place](_inside()).SerializeToString())
    with pytest.raises(UnsafeFileError, match="names external data") as caught:
        refuse_external_data(PLACES[place](_external()).SerializeToString())
    assert "save_as_external_data=False" in (caught.value.hint or "")


def test_location_or_entries_alone_are_enough() -> None:
    only_location = TensorProto(name="w", data_location=TensorProto.EXTERNAL)
    only_entries = TensorProto(name="w")
    only_entries.external_data.add(key="location", value="x")
    for tensor in (only_location, only_entries):
        with pytest.raises(UnsafeFileError):
            refuse_external_data(_model(_graph(tensors=(tensor,))).SerializeToString())


def test_a_second_graph_field_is_looked_at_too() -> None:
    clean, hostile = _model(_graph()), _model(_graph(tensors=(_external(),)))
    with pytest.raises(UnsafeFileError):
        refuse_external_data(clean.SerializeToString() + hostile.SerializeToString())


def test_an_overlong_enum_is_still_external() -> None:
    tensor = bytes([14 << 3, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00])  # data_location = 1 in six bytes
    graph = bytes([5 << 3 | 2, len(tensor)]) + tensor
    with pytest.raises(UnsafeFileError):
        refuse_external_data(bytes([7 << 3 | 2, len(graph)]) + graph)


def test_nesting_is_bounded() -> None:
    message = b""
    for _ in range(60):
        for number in (6, 5, 1):  # graph of an attribute of a node of a graph
            message = _field(number, message)
    with pytest.raises(UnsafeFileError, match="at most 100 deep"):
        refuse_external_data(_field(7, message))


def _field(number: int, content: bytes) -> bytes:
    length, size = len(content), b""
    while length > 0x7F:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "holds no graph"),
        (b"\x08\x07", "holds no graph"),
        (b"\x3a\x05ab", "wants 5 bytes and 2 are left"),
        (b"\x3a", "ends inside a number"),
        (b"\x08" + b"\xff" * 11, "longer than 10 bytes"),
        (b"\x00\x00", "bad field number"),
        (b"\x0b\x0c", "wire type 3"),
        (b"\x0d\x00", "wants 4 bytes"),
        (b"not a model at all", "malformed|wire type|bytes"),
        (b"\xff\xff\xff\xff\xff\x01", "longer than 5 bytes"),
    ],
)
def test_broken_files_say_what_is_wrong(content: bytes, text: str) -> None:
    with pytest.raises(ReadError, match=text):
        refuse_external_data(content, "m.onnx")


def test_the_runtimes_own_format_is_refused() -> None:
    with pytest.raises(UnsafeFileError, match="ONNX Runtime format"):
        refuse_external_data(b"\x08\x00\x00\x00ORTM" + bytes(40))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_never_escape(content: bytes) -> None:
    with contextlib.suppress(ReadError):
        refuse_external_data(content)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_truncation_of_a_hostile_model_never_escapes(data: st.DataObject) -> None:
    whole = PLACES["subgraph of a subgraph"](_external()).SerializeToString()
    with pytest.raises(ReadError):  # truncated: malformed, without a graph, or refused
        refuse_external_data(whole[: data.draw(st.integers(0, len(whole) - 1))])


def test_agrees_with_the_runtime_on_a_real_file(tiny_recognizer: Callable[..., Path]) -> None:
    refuse_external_data(tiny_recognizer().read_bytes())
