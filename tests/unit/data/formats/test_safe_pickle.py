"""The restricted reader: plain data comes back, and nothing in any file runs."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fiqa.data.formats.safe_pickle import Limits, RecordedArray, load
from fiqa.errors import ReadError, UnsafeFileError

PROTOCOLS = range(6)
FIRED: list[str] = []


def fire(*args: Any) -> str:
    FIRED.append(str(args))
    return "fired"


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.reduced = (function, args)

    def __reduce__(self) -> Any:
        return self.reduced


class State:
    """Pickles as NEWOBJ (protocol 2 up) or copyreg._reconstructor (below), then BUILD with
    __setstate__."""

    def __init__(self) -> None:
        self.x = 1

    def __setstate__(self, state: Any) -> None:
        fire(state)


class Keywords:
    """Pickles as NEWOBJ_EX."""

    def __new__(cls, **_: Any) -> Keywords:
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> Any:
        return (), {"a": 1}


@pytest.fixture(autouse=True)
def _nothing_runs() -> Any:
    FIRED.clear()
    yield
    assert not FIRED


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_data_round_trips(protocol: int) -> None:
    value = {
        "none": None, "yes": True, "no": False, "float": [0.5, -1e300],
        "int": [0, 255, 256, 65536, -1, -(2**40), 2**62],
        "bytes": [b"", b"\xff\x00'\"\\\n", b"x" * 300], "text": ["", "é\n\\u", "y" * 300],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        "nested": [{"a": [{}]}], "empty": [[]],
    }  # fmt: skip
    assert load(pickle.dumps(value, protocol=protocol)) == value
    assert type(load(pickle.dumps(True, protocol=protocol))) is bool


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("dtype", ["u1", "b1", "i1", "<i4", ">i4", "<f4", ">f8", "f2"])
def test_arrays_and_scalars_round_trip(protocol: int, dtype: str) -> None:
    for array in (
        np.arange(6).astype(dtype),
        np.arange(6).reshape(2, 3).astype(dtype),
        np.asfortranarray(np.arange(6).reshape(2, 3).astype(dtype)),
    ):
        back = load(pickle.dumps(array, protocol=protocol))
        assert isinstance(back, RecordedArray)
        np.testing.assert_array_equal(back.array, array)
        assert back.array.dtype == array.dtype
    scalar = np.arange(6).astype(dtype)[3]
    assert load(pickle.dumps(scalar, protocol=protocol)) == scalar


def test_both_names_of_the_numpy_core_are_known() -> None:
    for array in (np.arange(3, dtype=np.uint8), np.bool_(True)):
        new = pickle.dumps(array, protocol=2)
        old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
        assert old != new
        assert type(load(old)) is type(load(new))


def test_python_2_text_is_bytes() -> None:
    python2 = b"(lp0\nS'\\xff\\xd8\\n\\t\\\\\\''\np1\naS\"it's\"\np2\na."
    assert load(python2) == [b"\xff\xd8\n\t\\'", b"it's"]
    assert load(b"\x80\x02]q\x00(U\x02\xff\xd8T\x03\x00\x00\x00abce.") == [b"\xff\xd8", b"abc"]
    numpy2 = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\n"
        b"tcnumpy\ndtype\n(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x01\\xff'\ntb."
    )
    assert load(numpy2).array.tolist() == [1, 255]


def hostile() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    calls = {
        "system": Calls(os.system, "touch fired"),
        "eval": Calls(eval, "fire()"),
        "exec": Calls(exec, "import os"),
        "getattr": Calls(getattr, Calls(__import__, "os"), "system"),
        "own": Calls(fire, 1),
        "nested": [[{"a": (Calls(fire, 2),)}]],
        "argument": Calls(bytes, Calls(fire, 3)),
        "state": State(),
        "keywords": Keywords(),
        "type": type,
        "object array": np.array([Calls(fire, 4)], dtype=object),
        "empty object array": np.array([], dtype=object),
        "structured": np.zeros(2, dtype=[("a", "u1")]),
        "dates": np.zeros(2, "M8[s]"),
        "strings": np.array(["a"]),
        "set": {1},
        "frozenset": frozenset([1]),
        "complex": 1j,
        "range": range(10**9),
        "long bytes": Calls(bytes, 2**40),
        "bytearray": Calls(bytearray, 2**40),
        "slice": slice(1),
    }
    for name, value in calls.items():
        for protocol in PROTOCOLS:
            files[f"{name} {protocol}"] = pickle.dumps(value, protocol=protocol)
    files |= {
        "inst": b"(S'touch fired'\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nS'touch fired'\no.",
        "newobj": b"\x80\x02cos\nsystem\nU\x0btouch fired\x85\x81.",
        "persistent": b"Pwhat\n.",
        "binary persistent": b"K\x01Q.",
        "extension": b"\x80\x02\x82\x01.",
        "copyreg": b"ccopy_reg\n_reconstructor\n(cos\nsystem\nc__builtin__\nobject\nNtR.",
        "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.",
        "stack global of bytes": b"\x80\x04C\x02osC\x06system\x93\x8c\x02id\x85R.",
        "dotted": b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93.",
        "dotted module": b"cnumpy\ndtype.__class__\n.",
        "submodule": b"cnumpy.core.multiarray\nfromstring\n.",
        "other codec": b"c_codecs\nencode\n(Vabc\nVzip\ntR.",
        "rot13": b"c_codecs\nencode\n(Vabc\nVrot13\ntR.",
        "state of bytes": b"U\x01a(K\x01tb.",
        "state of a word": b"cnumpy\ndtype\n}b.",
        "array as a call": b"cnumpy\nndarray\n)R.",
        "subclass": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n(I0\ntS'b'\ntR.",
        "call of data": b"K\x01)R.",
        "dup": b"]2.",
        "pop": b"]0].",
        "out of band": b"\x80\x05\x97.",
        "tuple as a key": b"}(K\x01K\x02tK\x01s.",
        "protocol 6": b"\x80\x06N.",
        "bool of text": b"cbuiltins\nbool\n(Vx\ntR.",
    }
    return files


@pytest.mark.parametrize("name", hostile())
def test_hostile_files_are_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnsafeFileError, match="refused before anything ran"):
        load(hostile()[name])
    assert not (tmp_path / "fired").exists()


def test_the_hostile_files_are_real() -> None:
    """The same bytes do run where pickle loads them, so the test above proves something."""
    pickle.loads(hostile()["own 4"])
    assert len(FIRED) == 1
    FIRED.clear()


def test_no_module_is_imported() -> None:
    sys.modules.pop("this", None)
    with pytest.raises(UnsafeFileError, match="'this\\.s'"):
        load(b"cthis\ns\n.")
    assert "this" not in sys.modules


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60), "must have at most"),
        (b"\x80\x05\x96" + struct.pack("<Q", 1 << 63), "must have at most"),
        (b"\x80\x04\x8d" + struct.pack("<Q", (1 << 64) - 1), "must have at most"),
        (b"\x80\x03B" + struct.pack("<I", 1 << 31), "must have at most"),
        (b"X\xff\xff\xff\xff", "must have at most"),
        (b"T\xff\xff\xff\xff", "must have at most"),
        (b"\x8b" + struct.pack("<I", 1 << 30) + b"\xff" * 99, "at most 16 bytes"),
        (b"\x8a\x11" + b"\x01" * 17 + b".", "at most 16 bytes"),
        (b"I" + b"9" * 5000 + b"\n.", "at most 40 characters"),
        (b"L" + b"9" * 5000 + b"L\n.", "at most 40 characters"),
        (b"F" + b"9" * 5000 + b"\n.", "at most 40 characters"),
    ],
)
def test_claims_over_the_limits_are_refused(data: bytes, text: str) -> None:
    tracemalloc.start()
    with pytest.raises(UnsafeFileError, match=text):
        load(data)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "claims 1 bytes"),
        (b"\x80", "claims 1 bytes"),
        (b"N", "claims 1 bytes"),
        (b".", "never gave"),
        (b"(.", "never gave"),
        (b"a.", "never gave"),
        (b"K\x01a.", "appended to a list"),
        (b"N(K\x01e.", "appended to a list"),
        (b"t.", "never opened"),
        (b"}(K\x01u.", "into a dict"),
        (b"h\x05.", "malformed"),
        (b"q\x05.", "malformed"),
        (b"Ix\n.", "malformed"),
        (b"Sx\n.", "in quotes"),
        (b"S'\\q'\n.", "malformed"),
        (b"I1", "within a line"),
        (b"X\x01\x00\x00\x00\xff.", "malformed"),
        (b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xffN.", "claims a frame"),
        (b"cnumpy\ndtype\n(S'u1'\ntR(K\x03S'x'\ntb.", "byte order"),
        (b"cnumpy.core.multiarray\nscalar\n(K\x01tR.", "a dtype and bytes"),
        (b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'u1'\ntRS'ab'\ntR.", "as many bytes"),
        (b"cnumpy.core.numeric\n_frombuffer\n(K\x01tR.", "4 arguments"),
        (b"\x80\x04K\x01K\x02\x93.", "Text must stand here"),
    ],
)
def test_malformed_files_say_so(data: bytes, text: str) -> None:
    with pytest.raises(ReadError, match=text):
        load(data)


def reconstruct(shape: Any) -> bytes:
    """A pickled uint8 array with a shape of our choosing."""
    good = pickle.dumps(np.zeros(3, np.uint8), protocol=2)
    state = good.index(b"K\x03\x85")
    return good[:state] + pickle.dumps(shape, protocol=2)[2:-1] + good[state + 3 :]


@pytest.mark.parametrize(
    "shape", [(4,), (-3,), (2**63, 2), (3, 2**40), 3, (0, 2**70), ("3",), (True,) * 9, (1.0, 3)]
)
def test_an_array_must_have_as_many_bytes_as_its_shape(shape: Any) -> None:
    with pytest.raises(ReadError):
        load(reconstruct(shape))


def test_an_array_without_content() -> None:
    empty = load(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR.")
    with pytest.raises(ReadError, match="ends without it"):
        empty.array


def test_repeated_encoding_cannot_multiply_bytes() -> None:
    many = (
        b"(" + b"V" + b"x" * 10_000 + b"\np0\n" + b"c_codecs\nencode\n(g0\nVlatin1\ntR" * 50 + b"l."
    )
    with pytest.raises(UnsafeFileError, match="more bytes than it holds"):
        load(many)


def test_billion_laughs_and_deep_nesting_cost_little() -> None:
    laughs = b"]" + b"".join(b"q%c](%se" % (i, b"h%c" % i * 100) for i in range(60)) + b"."
    deep = b"K\x01" + b"\x85" * 200_000 + b"."
    lists = b"(" * 100_000 + b"l" * 100_000 + b"."
    recursive = b"]q\x00h\x00a."
    start = time.process_time()
    for data in (laughs, deep, lists, recursive):
        load(data)
    assert time.process_time() - start < 5


def test_limits_are_limits() -> None:
    with pytest.raises(UnsafeFileError, match="at most 5 operations"):
        load(pickle.dumps([1, 2, 3, 4]), limits=Limits(operations=5))
    with pytest.raises(UnsafeFileError, match="at most 2 bytes"):
        load(pickle.dumps(b"abc", protocol=4), limits=Limits(item_bytes=2))
    for value in ([1, 2, 3], {"a": 1, "b": 2, "c": 3}):
        with pytest.raises(ReadError, match="at most 2 items"):
            load(pickle.dumps(value), limits=Limits(items=2))


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_random_bytes_give_clean_errors(data: bytes) -> None:
    with contextlib.suppress(ReadError):
        load(b"\x80\x04" + data)


SAMPLE = [
    pickle.dumps(
        ([b"\xff\xd8a", np.arange(5, dtype=np.uint8)], [np.bool_(True), False], {"a": 0.5}),
        protocol=p,
    )
    for p in PROTOCOLS
]


@given(
    st.sampled_from(SAMPLE),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 400),
)
@settings(deadline=None)
def test_mutated_files_give_clean_errors(
    data: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    mutated = bytearray(data)
    for place, value in changes:
        mutated[place % len(mutated)] = value
    try:
        value = load(bytes(mutated[: cut or None]))
        if isinstance(value, RecordedArray):
            value.array
    except ReadError:
        pass
