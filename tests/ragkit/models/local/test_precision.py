from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ragkit.errors import ConfigError
from ragkit.models.local.precision import choose_device, choose_dtype, processor_flags

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))
AMX = frozenset({"sse2", "amx_tile", "amx_bf16"})


@pytest.mark.parametrize(
    ("device", "flags", "expected"),
    [
        (CPU, AMX, torch.bfloat16),
        (CPU, frozenset({"avx512_bf16"}), torch.bfloat16),
        (CPU, frozenset({"avx512f"}), torch.float32),
        (MPS, AMX, torch.float32),
    ],
)
def test_bfloat16_is_for_processors_that_are_fast_with_it(
    device: torch.device, flags: frozenset[str], expected: torch.dtype
) -> None:
    assert choose_dtype("auto", device, flags=flags) == expected


@pytest.mark.parametrize(("supported", "expected"), [(True, torch.bfloat16), (False, torch.float16)])
def test_a_gpu_takes_bfloat16_where_it_has_it(
    monkeypatch: pytest.MonkeyPatch, supported: bool, expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: supported or including_emulation)
    assert choose_dtype("auto", CUDA) == expected


def test_a_named_format_is_taken() -> None:
    assert choose_dtype("float32", CPU, flags=AMX) == torch.float32
    assert choose_dtype("bfloat16", CPU, flags=frozenset()) == torch.bfloat16
    assert choose_dtype("float16", CUDA) == torch.float16


def test_float16_on_a_processor_is_refused() -> None:
    with pytest.raises(ConfigError, match="dtype float16 is for GPUs: on a processor take bfloat16"):
        choose_dtype("float16", CPU)


def test_what_the_processor_can_do_is_read_from_linux(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nflags\t\t: fpu amx_bf16 avx2\nbugs\t: x\n", encoding="ascii")
    assert processor_flags(tmp_path / "cpuinfo") == {"fpu", "amx_bf16", "avx2"}
    assert processor_flags(tmp_path / "gone") == frozenset()
    assert choose_dtype("auto", CPU) in (torch.float32, torch.bfloat16)


@pytest.mark.parametrize("there", [True, False])
def test_the_device_is_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert choose_device("auto").type == ("cuda" if there else "cpu")


@pytest.mark.parametrize("name", ["abacus", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"device '{name}' cannot be used here .*: expected auto, cpu, cuda"):
        choose_device(name)


def test_a_device_that_is_here_is_taken() -> None:
    assert choose_device("cpu") == CPU
