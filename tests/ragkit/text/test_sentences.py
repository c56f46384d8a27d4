from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.text.sentences import split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "Use a token budget, e.g. 256 tokens, i.e. one window.",
        "Dr. Smith met Mr. Jones and Prof. Brown.",
        "It was written by J. R. R. Tolkien and J.K. Rowling.",
        "Between 3.5 and 1,234.56 metres at $4.15 million.",
        "Version 1.2.3 of ragkit needs Python 3.11.",
        "See https://example.org/a.b/c.html?x=1.5 for it.",
        "Well... maybe … not . . . yet.",
        "Write to Acme Inc. Products, c/o No. 5 St. James St. in Washington D.C. Monday.",
        "On Jan. 5 and Sept. 11 it rained, see Fig. 3 and Vol. IV and Sec. A.",
        "He came at 5 p.m. Monday from the U.S. Embassy.",
        "Smith et al. (2019) found it, cf. Jones vs. Brown.",
        '"Is it late?" he asked, and "No!" she said.',
        "A line that is wrapped softly\nover three lines by some\nprogram or other.",
        "The bird (lat. Corvus) and the poet (fl. 1510) are gone.",
        "The body (approx.) The Author meant, stays.",
        "1. Introduction",
        "(a) First of all",
        "IV. The fourth part",
        "Smith & Co. & Sons sell shoes.",
        "Er wurde am 3. Oktober geboren, z. B. Ärzte im 19. Jahrhundert.",
        "El presidente de EE. UU., Barack Obama.",
        "「行こう。」と彼は言った。",
        "３．５メートル",
        "Wait... I know",
    ],
)
def test_a_sentence_stays_whole(sentence: str) -> None:
    assert sentences(sentence) == [sentence]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("He left in 1998. The end.", ["He left in 1998.", "The end."]),
        ("He lives in the U.S. The end came.", ["He lives in the U.S.", "The end came."]),
        ("Apples, pears etc. They rot.", ["Apples, pears etc.", "They rot."]),
        ("Is it? No. It is not.", ["Is it?", "No.", "It is not."]),
        ("He read one vol. The rest is lost.", ["He read one vol.", "The rest is lost."]),
        ("It fell in Jan. The rest rose.", ["It fell in Jan.", "The rest rose."]),
        ('He said "Stop." Then he left.', ['He said "Stop."', "Then he left."]),
        ("(It was late. He left.) Then it rained.", ["(It was late.", "He left.)", "Then it rained."]),
        ("It ended.[1][2] It began.[note 3] Again.", ["It ended.[1][2]", "It began.[note 3]", "Again."]),
        ("« Bon. » Il part.", ["« Bon. »", "Il part."]),
        ("He paused... Then he left.", ["He paused...", "Then he left."]),
        ("Great! 😀 Next.", ["Great!", "😀 Next."]),
        ("We sell phones. iPhone sales rose.", ["We sell phones.", "iPhone sales rose."]),
        ("hello there. how are you? fine etc. and so on", ["hello there.", "how are you?", "fine etc. and so on"]),
        ("It ended.The rest is at X.The rest", ["It ended.", "The rest is at X.The rest"]),
        ("Sales rose.12 The costs fell.", ["Sales rose.12", "The costs fell."]),
        ("你好。我是学生！你呢？好", ["你好。", "我是学生！", "你呢？", "好"]),
        ("你好!我是学生", ["你好!", "我是学生"]),
        ("यह एक वाक्य है। यह दूसरा है।", ["यह एक वाक्य है।", "यह दूसरा है।"]),
        ("ما هذا؟ هذا كتاب.", ["ما هذا؟", "هذا كتاب."]),
        ("One.\n\nstill two", ["One.", "still two"]),
        ("no stop here\n\nand here", ["no stop here", "and here"]),
        ("Tokenised text . It ends .", ["Tokenised text .", "It ends ."]),
        ("It is J. A. Smith. A. Jones left.", ["It is J. A. Smith.", "A. Jones left."]),
        ("Said so. -- Bob", ["Said so. -- Bob"]),
        ('It ended. "', ['It ended. "']),
        ("X. **Bold.** Next one.", ["X. **Bold.**", "Next one."]),
    ],
)
def test_sentences_are_found(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


def test_markdown_structure_gives_units() -> None:
    text = (
        "# Opening hours\nWe open at 9 a.m. every day. Call us.\n\n1. First item. More of it.\n2. Second\n- third\n"
        "```py\na = 1.\n\nb = 2\n```\n| a | b |\n|---|---|\n| 1. | 2 |\n| 3 | 4 |\nAfter.\n"
    )
    assert sentences(text) == [
        "# Opening hours",
        "We open at 9 a.m. every day.",
        "Call us.",
        "1. First item.",
        "More of it.",
        "2. Second",
        "- third",
        "```py\na = 1.\n\nb = 2\n```",
        "| a | b |\n|---|---|",
        "| 1. | 2 |",
        "| 3 | 4 |",
        "After.",
    ]


def test_rows_and_headings_of_a_pdf_are_units() -> None:
    prose = (
        "The following table shows our net sales and what they cost us in the years that\n"
        "ended on December 31, 2017, as well as what remained of\nNet sales."
    )
    text = (
        f"CONSOLIDATED STATEMENTS\n{prose} It is audited.\n"
        "Net sales $ 34,229 $ 35,355\n"
        "Cumulative effect of the change in\n"
        "accounting (12) 98%\n"
        "Options exercised 7 — —\n"
        "Dividends\n"
        "2015 2016"
    )
    assert sentences(text) == [
        "CONSOLIDATED STATEMENTS",
        prose,
        "It is audited.",
        "Net sales $ 34,229 $ 35,355",
        "Cumulative effect of the change in\naccounting (12) 98%",
        "Options exercised 7 — —",
        "Dividends",
        "2015 2016",
    ]


def test_blank_text_has_no_sentences() -> None:
    assert split_sentences("") == []
    assert split_sentences(" \n\t\n") == []


PIECES = st.lists(
    st.sampled_from(
        [
            ". ",
            "... ",
            "! ",
            "。",
            "” ",
            ") ",
            "(",
            "Dr",
            "The ",
            "a",
            "B",
            "3",
            "\n",
            "\n\n",
            " ",
            "e.g",
            "# ",
            "- ",
            "|",
            "```",
            "–",
            "「",
            "ü",
        ]
    )
).map("".join)


@settings(max_examples=200, deadline=None)
@given(PIECES | st.text())
def test_sentences_are_trimmed_ordered_and_complete(text: str) -> None:
    spans = split_sentences(text)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in spans)
    assert all(left.end <= right.start for left, right in itertools.pairwise(spans))
    assert re.sub(r"\s", "", "".join(text[start:end] for start, end in spans)) == re.sub(r"\s", "", text)


@pytest.mark.usefixtures("hang_guard")
def test_a_megabyte_comes_to_an_end() -> None:
    text = "Dr. Smith paid 3.5 % (see e.g. Fig. 3) to J. Doe. " * 20_000
    assert len(split_sentences(text)) == 20_000
