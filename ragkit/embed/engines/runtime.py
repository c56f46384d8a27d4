"""The one import of OpenVINO.

Importing it runs its telemetry package, which forks, writes an id into the home folder and talks to the network, in CI
too. `None` in `sys.modules` makes that import fail, and OpenVINO then takes its own empty stand-in.
"""

from __future__ import annotations

import sys
from typing import Any, cast

if "openvino_telemetry" not in sys.modules:
    cast("dict[str, Any]", sys.modules)["openvino_telemetry"] = None

import openvino as ov
import openvino.opset13 as ops

__all__ = ["ops", "ov"]
