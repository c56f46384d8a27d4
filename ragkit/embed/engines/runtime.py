"""The one import of OpenVINO.

Importing it runs its telemetry package, which forks, writes an id into the home folder and talks to the network, in CI
too. `None` in `sys.modules` makes that import fail, and OpenVINO then takes its own empty stand-in.
"""

from __future__ import annotations

import sys
from typing import Any, cast

_MODULES = cast("dict[str, Any]", sys.modules)
_CONVERTER = "openvino.tools.ovc"  # not needed here, and a quarter of the time that importing OpenVINO takes
_had_converter = _CONVERTER in _MODULES

if "openvino_telemetry" not in _MODULES:
    _MODULES["openvino_telemetry"] = None
if not _had_converter:
    _MODULES[_CONVERTER] = None

import openvino as ov  # noqa: E402 - after what must be kept out
import openvino.opset13 as ops  # noqa: E402

if not _had_converter:
    del _MODULES[_CONVERTER]

__all__ = ["ops", "ov"]
