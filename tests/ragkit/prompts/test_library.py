from __future__ import annotations

import json
from pathlib import Path

import pytest

from ragkit.errors import ConfigError
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.file import write_prompt
from ragkit.prompts.library import BUILT_IN, load_prompt, prompt_text, prompts
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.tasks.sentiment import sentiment
from ragkit.prompts.tasks.translate import translate

VERSIONS = Path(__file__).with_name("versions.json")


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_built_in_prompts_are_listed_by_name() -> None:
    names = [prompt.name for prompt in prompts()]
    assert "sentiment" in names
    assert names == sorted(names)
    assert all(prompt.origin == BUILT_IN and prompt.about for prompt in prompts())


@pytest.mark.parametrize("prompt", prompts(), ids=lambda prompt: prompt.name)
def test_a_built_in_prompt_is_called_as_its_file_and_explains_its_variables(prompt: Prompt) -> None:
    assert load_prompt(prompt.name) == prompt
    assert all(variable.about for variable in prompt.variables if variable.kind != "mark")


@pytest.mark.parametrize("prompt", prompts(), ids=lambda prompt: prompt.name)
def test_a_changed_text_has_a_new_version(prompt: Prompt, request: pytest.FixtureRequest) -> None:
    known = json.loads(VERSIONS.read_text(encoding="utf-8"))
    versions = known.setdefault(prompt.name, {})
    if request.config.getoption("--rewrite-goldens") and str(prompt.version) not in versions:
        versions[str(prompt.version)] = prompt.sha256  # what a version once was, it stays
        VERSIONS.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    assert versions.get(str(prompt.version)) == prompt.sha256, (
        f"{prompt.name}.md is new or has changed: raise its version, then run pytest --rewrite-goldens {__file__}"
    )


def test_no_version_is_kept_of_a_prompt_that_is_gone() -> None:
    assert set(json.loads(VERSIONS.read_text(encoding="utf-8"))) == {prompt.name for prompt in prompts()}


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"there is no prompt 'sentiments': choose one of .*sentiment"):
        load_prompt("sentiments")
    with pytest.raises(ConfigError, match=r"there is no prompt '\.\./sentiment'"):
        load_prompt("../sentiment")
    with pytest.raises(ConfigError, match="there is no prompt 'x': choose one of"):
        prompt_text("x")


def test_the_text_of_a_file_is_given_as_it_is(tmp_path: Path) -> None:
    text = prompt_text("sentiment")
    assert text.startswith("---\nname: sentiment\n")
    put(tmp_path, "sentiment", text + "\n\n")
    assert prompt_text("sentiment", folder=tmp_path) == text + "\n\n"


def test_a_folder_replaces_and_adds_by_name(tmp_path: Path) -> None:
    own = put(tmp_path, "sentiment", prompt_text("sentiment").replace("mood", "feeling"))
    put(tmp_path, "mine", "---\nname: mine\nversion: 1\n---\n# user\nHello.\n")
    put(tmp_path, ".hidden", "no prompt")
    (tmp_path / "notes.txt").write_text("no prompt")
    put(tmp_path, "README", "no prompt")
    (tmp_path / "folder.md").mkdir()
    found = {prompt.name: prompt for prompt in prompts(folder=str(tmp_path))}
    assert found["sentiment"].origin == str(own)
    assert "feeling" in found["sentiment"].sections[0].text
    assert found["mine"].render({})[0].content == "Hello."
    assert set(found) == {prompt.name for prompt in prompts()} | {"mine"}
    assert "mood" in load_prompt("sentiment").sections[0].text


def test_a_replacement_takes_the_same_variables(tmp_path: Path) -> None:
    text = prompt_text("sentiment")
    put(
        tmp_path,
        "sentiment",
        text.replace("  text: ", "  review: ").replace("{{text}}", "{{review}}"),
    )
    with pytest.raises(
        ConfigError, match=r"sentiment\.md replaces the built-in prompt sentiment, and must take: .*text"
    ):
        load_prompt("sentiment", folder=tmp_path)


def test_a_replacement_may_not_need_what_the_original_gives_itself(tmp_path: Path) -> None:
    prompt = load_prompt("sentiment")
    written = write_prompt(prompt)
    assert "    default:\n    - positive\n    - negative\n" in written
    put(tmp_path, "sentiment", written.replace("    default:\n    - positive\n    - negative\n", ""))
    with pytest.raises(ConfigError, match=r"sentiment\.md must give a default for labels, as the built-in prompt does"):
        load_prompt("sentiment", folder=tmp_path)


def test_a_replacement_is_called_as_its_file(tmp_path: Path) -> None:
    put(tmp_path, "mood", prompt_text("sentiment"))
    with pytest.raises(
        ConfigError, match=r"mood\.md holds a prompt called sentiment: its name must be that of its file"
    ):
        prompts(folder=tmp_path)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no folder .*none of prompts"):
        prompts(folder=tmp_path / "none")


@pytest.mark.parametrize(("name", "builder"), [("sentiment", sentiment()), ("translate", translate("German"))])
def test_a_builder_speaks_the_words_of_the_users_folder(tmp_path: Path, name: str, builder: FewShot[str]) -> None:
    put(tmp_path, name, prompt_text(name).replace("# system\n\n", "# system\n\nMine. "))
    said = builder.with_prompt(load_prompt(name, folder=tmp_path)).render("A gem.")
    assert said[0].content == f"Mine. {builder.render('A gem.')[0].content}"
    assert said[1:] == builder.render("A gem.")[1:]
