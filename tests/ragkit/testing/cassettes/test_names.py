from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.testing.cassettes.names import file_stem


def test_plain_names_stay() -> None:
    assert file_stem("TestModel.test_it-1") == "TestModel.test_it-1"


@settings(max_examples=100, deadline=None)
@given(name=st.text(min_size=1, max_size=300))
def test_every_name_is_ascii_short_and_safe(name: str) -> None:
    stem = file_stem(name)
    assert stem.isascii()
    assert 0 < len(stem) <= 100
    assert not set(stem) & set('/\\:*?"<>| \n\0')
    assert not stem.startswith((".", "-"))


def test_names_that_look_alike_have_other_files() -> None:
    names = [
        "test[a/b]",
        "test[a-b]",
        "test[ä-b]",
        "test[\\xe4-b]",
        "test[" + "x" * 200,
        "test[" + "x" * 201,
        "日本",
        "中文",
    ]
    assert len({file_stem(name) for name in names}) == len(names)
    assert file_stem("test[\\xe4-b]").startswith("test-a-b-")
