"""Record anew what a real, independently written server says: the one command behind `test_transformers_serve.py`.

    pip install 'transformers[serving]'
    python tests/ragkit/models/openai/recordings/record.py

It trains the small model, lets `transformers serve` serve it on loopback, and runs the tests of this folder, and the
suite of langchain-tests, against it with recording on. The cassettes are written only if the tests pass, and never with
something in them that looks secret.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

HERE = Path(__file__).parent
TESTS = (HERE, HERE.parents[3] / "contracts" / "test_openai_chat_model.py")
PORT = 8765
PATIENCE_S = 180.0


def main() -> int:
    """Build, serve, record; the exit code is pytest's."""
    with TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, HERE / "small_model.py", Path(scratch, "small-chat")], check=True)
        with served(Path(scratch)):
            record = [sys.executable, "-m", "ragkit.testing.cassettes", "record", *map(str, TESTS), *sys.argv[1:]]
            return subprocess.run(record, check=False).returncode


@contextmanager
def served(folder: Path) -> Iterator[None]:
    """Serve the models of a folder by their names in it, so that no recording holds a path of this machine."""
    serve = [sys.executable, "-m", "transformers.cli.transformers", "serve", "--device", "cpu", "--port", str(PORT)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen([*serve, "--host", "127.0.0.1"], cwd=folder, env=environment)
    try:
        wait_until_ready(server)
        yield
    finally:
        server.terminate()
        server.wait(30)


def wait_until_ready(server: subprocess.Popen[bytes]) -> None:
    """Wait for the server's first word."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and server.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"transformers serve does not answer on port {PORT}; its exit code is {server.poll()}")


if __name__ == "__main__":
    sys.exit(main())
