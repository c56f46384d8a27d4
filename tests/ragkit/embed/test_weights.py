from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit.embed.weights import read_folder, read_weights
from ragkit.errors import ModelFilesError


def save(path: Path, header: dict[str, Any], data: bytes) -> Path:
    raw = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    return path


def entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_the_library_s_own_file_is_read(tmp_path: Path) -> None:
    numpy_file = pytest.importorskip("safetensors.numpy")
    kept = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.ones(1, dtype=np.float16)}
    numpy_file.save_file({**kept, "ids": np.arange(3)}, tmp_path / "w.safetensors", metadata={"format": "np"})
    read = read_weights(tmp_path / "w.safetensors")
    assert sorted(read) == ["a", "b"]
    np.testing.assert_array_equal(read["b"], kept["b"])
    assert read["a"].dtype == np.float32


def test_bf16_is_the_upper_half_of_float32(tmp_path: Path) -> None:
    data = struct.pack("<2H", 0x3F80, 0xC000)  # 1.0, -2.0
    path = save(tmp_path / "w", {"x": entry("BF16", [2], 0, 4)}, data)
    np.testing.assert_array_equal(read_weights(path)["x"], [1.0, -2.0])


def test_float64_is_converted(tmp_path: Path) -> None:
    path = save(tmp_path / "w", {"x": entry("F64", [1], 0, 8)}, struct.pack("<d", 0.5))
    np.testing.assert_array_equal(read_weights(path)["x"], np.array([0.5], dtype=np.float32))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        struct.pack("<Q", 1 << 40) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"oops",
        struct.pack("<Q", 9) + b'{"a":"b"}',
        struct.pack("<Q", 14) + b'{"a":{"x":[]}}',
    ],
    ids=["empty", "short", "huge header", "list", "no json", "no entry", "no dtype"],
)
def test_what_is_not_safetensors_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w").write_bytes(content)
    with pytest.raises(ModelFilesError, match=r"cannot be read as safetensors .*fetch the model again"):
        read_weights(tmp_path / "w")


@pytest.mark.parametrize(
    ("start", "end"), [(0, 8), (4, 8), (-4, 0), (0, 2)], ids=["past the end", "after", "before", "odd"]
)
def test_a_tensor_outside_the_file_is_refused(tmp_path: Path, start: int, end: int) -> None:
    path = save(tmp_path / "w", {"x": entry("F32", [1], start, end)}, b"1234")
    with pytest.raises(ModelFilesError, match="a tensor of shape"):
        read_weights(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match=r"model\.safetensors cannot be read"):
        read_folder(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"weight_map": 3}', "{}"])
def test_a_damaged_list_of_parts_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(ModelFilesError, match=r"index\.json cannot be read"):
        read_folder(tmp_path)
