"""Refuses ONNX files whose tensors live in other files, before any runtime opens them.

ONNX lets a tensor name an external file by path, so a hostile model could make a runtime read any
file. This module walks the protobuf wire format of a model [1] and looks at every tensor: in the
graph, its subgraphs, attributes, sparse tensors, functions and training graphs. It needs no ONNX
package.

[1] https://protobuf.dev/programming-guides/encoding and the field numbers of onnx.proto (ONNX 1.16
and later).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from fiqa.errors import ReadError, UnsafeFileError

__all__ = ["MalformedError", "fields", "refuse_external_data", "text_entry"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEPTH = 100
_EXTERNAL_DATA, _DATA_LOCATION, _GRAPH = 13, 14, 7

_CHILDREN: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "ModelProto": {_GRAPH: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
        "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
        "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
        "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
        "NodeProto": {5: "AttributeProto"},
        "AttributeProto": {
            5: "TensorProto",
            6: "GraphProto",
            10: "TensorProto",
            11: "GraphProto",
            22: "SparseTensorProto",
            23: "SparseTensorProto",
        },
        "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
        "TensorProto": {},
    }
)
"""The messages that can hold a tensor: field number -> message, for each message on the way to
one."""


def refuse_external_data(model: bytes, name: str = "model") -> None:
    """Returns if every tensor of the ONNX file `model` is inside the file.

    Args:
        model: the whole file.
        name: what to call it in a message.

    Raises:
        UnsafeFileError: a tensor names external data, messages are nested deeper than protobuf
            allows, or the file is in ONNX Runtime's own format.
        ReadError: it is not an ONNX file: empty, truncated or malformed protobuf, or without a
            graph.

    >>> refuse_external_data(bytes([0x3A, 0x00]))  # field 7, the graph, of length 0
    """
    if model[4:8] == b"ORTM":
        raise UnsafeFileError(
            f"{name} must be an ONNX file, it is in the ONNX Runtime format, which is not checked.",
            status="unsupported_format",
        )
    try:
        graphs = _walk(memoryview(model), "ModelProto", name, 0)
    except MalformedError as error:
        raise ReadError(
            f"{name} must be an ONNX file; as protobuf it is malformed: {error}.", status="corrupt"
        ) from error
    if not graphs:
        raise ReadError(
            f"{name} must be an ONNX file; it holds no graph.", status="unsupported_format"
        )


class MalformedError(ValueError):
    """The bytes are not protobuf."""


def _walk(message: memoryview, kind: str, name: str, depth: int) -> int:
    """Checks every tensor below `message`, a message of type `kind`; returns how many graphs are
    its direct fields."""
    if depth > _DEPTH:
        raise UnsafeFileError(
            f"{name} must nest its messages at most {_DEPTH} deep, it nests deeper."
        )
    children = _CHILDREN[kind]
    graphs = 0
    for number, value, _, _ in fields(message):
        if kind == "TensorProto" and (
            (number == _DATA_LOCATION and value != 0) or number == _EXTERNAL_DATA
        ):
            raise UnsafeFileError(
                f"{name} must hold all its tensors, it names external data for one.",
                hint=(
                    "save it as one file: onnx.save_model(onnx.load(path), out,"
                    " save_as_external_data=False)"
                ),
            )
        if number in children and isinstance(value, memoryview):
            graphs += children[number] == "GraphProto"
            _walk(value, children[number], name, depth + 1)
    return graphs


def fields(message: memoryview) -> Iterator[tuple[int, int | memoryview, int, int]]:
    """Yields (field number, value, start, end) of a message: an int for a varint, the bytes for a
    length-delimited field (fixed ones hold no tensor), and where in it the field stands.

    Args:
        message: of protobuf.

    Raises:
        MalformedError: it is none.
    """
    at, end = 0, len(message)
    while at < end:
        begin = at
        tag, at = _varint(message, at, 5)
        number, wire = tag >> 3, tag & 7
        if number == 0 or tag >= 1 << 32:
            raise MalformedError(f"bad field number at byte {at}")
        if wire == _VARINT:
            value, at = _varint(message, at, 10)
            yield number, value, begin, at
            continue
        if wire == _BYTES:
            length, at = _varint(message, at, 10)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise MalformedError(f"wire type {wire} at byte {at}")
        if length > end - at:
            raise MalformedError(f"field {number} wants {length} bytes and {end - at} are left")
        if wire == _BYTES:
            yield number, message[at : at + length], begin, at + length
        at += length


def text_entry(number: int, key: str, value: str) -> bytes:
    """Returns a field of protobuf that holds a key and a value, as an ONNX file has its metadata.

    Args:
        number: of the field.
        key, value: what the entry says.

    >>> text_entry(14, "a", "b").hex()
    '72060a0161120162'
    """
    inner = _delimited(1, key.encode()) + _delimited(2, value.encode())
    return _delimited(number, inner)


def _delimited(number: int, content: bytes) -> bytes:
    return _number(number << 3 | _BYTES) + _number(len(content)) + content


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def _varint(message: memoryview, at: int, most: int) -> tuple[int, int]:
    """Returns the varint at `at`, of at most `most` bytes, and where the next thing starts."""
    result = 0
    for shift in range(most):
        if at >= len(message):
            raise MalformedError("it ends inside a number")
        byte = message[at]
        at += 1
        result |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return result, at
    raise MalformedError(f"a number longer than {most} bytes at byte {at}")
