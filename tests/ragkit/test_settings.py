from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from ragkit.errors import ConfigError
from ragkit.settings import Settings

ROOT = Path(__file__).parents[2]


def test_env_example_names_every_key_and_no_other() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = [line.split("=")[0] for line in lines if line and not line.startswith("#")]
    assert named == [item.metadata["key"] for item in fields(Settings)]


def test_env_example_shows_the_defaults() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert Settings.from_environment(example) == Settings()


def test_values_are_read() -> None:
    settings = Settings.from_environment({"RAGKIT_THREADS": "3", "RAGKIT_OFFLINE": "yes", "RAGKIT_ENGINE": "openvino"})
    assert (settings.threads, settings.offline, settings.engine) == (3, True, "openvino")


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting RAGKIT_TREADS: expected one of HF_HOME"):
        Settings.from_environment({"RAGKIT_TREADS": "3"})


@pytest.mark.parametrize(
    ("key", "value"), [("RAGKIT_THREADS", "0"), ("RAGKIT_THREADS", "two"), ("RAGKIT_OFFLINE", "maybe")]
)
def test_a_value_that_cannot_be_read_is_named(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"setting {key} cannot be '{value}'"):
        Settings.from_environment({key: value})


@pytest.mark.parametrize("key", ["HF_TOKEN", "OPENAI_API_KEY"])
def test_a_secret_is_never_shown(key: str) -> None:
    assert "a-secret" not in repr(Settings.from_environment({key: "a-secret"}))


def test_the_home_folder_is_filled_in() -> None:
    settings = Settings.from_environment({"RAGKIT_PRICES": "~/prices.json", "TIKTOKEN_CACHE_DIR": "~/vocabularies"})
    assert settings.prices == Path.home() / "prices.json"
    assert settings.vocabulary_folder == Path.home() / "vocabularies"
    assert Settings.from_environment({"RAGKIT_PROMPTS": "~/prompts"}).prompts == Path.home() / "prompts"


def test_hugging_faces_folders_are_found_as_it_finds_them() -> None:
    assert Settings().hub_folder is None
    assert Settings.from_environment({"HF_HOME": "/models"}).hub_folder == Path("/models/hub")
    assert Settings.from_environment({"HF_HOME": "/models", "HF_HUB_CACHE": "/c"}).hub_folder == Path("/c")
    assert Settings.from_environment({"HF_HUB_CACHE": "~/c"}).hub_folder == Path.home() / "c"


@pytest.mark.parametrize("key", ["RAGKIT_OFFLINE", "HF_HUB_OFFLINE"])
def test_either_switch_forbids_downloads(key: str) -> None:
    assert Settings().downloads_allowed
    assert not Settings.from_environment({key: "1"}).downloads_allowed
