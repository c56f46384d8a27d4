"""Ready builders for the usual language tasks: one small file each, to use as it is or to copy and change.

    from ragkit.prompts import sentiment

    moods = sentiment([("A gem.", "positive"), ("A bore.", "negative")])
    moods.runnable(model).invoke("I laughed.")

Each file says all that makes its task: the prompt (a file of `ragkit/prompts/texts/`), the label set, how examples
are laid out, the parser of replies, and the measure by which the task is judged. Each function gives a `FewShot`, so
that other words (`with_prompt`), examples (`with_examples`) or another choice (`with_selector`) are a copy away. For
words of your own, `ragkit prompts export mine sentiment`, and `sentiment(prompt=read_prompt("mine/sentiment.md"))`.

- `sentiment.py`, `topic.py`   one label of a set
- `entities.py`                mentions with their places
- `summarise.py`, `translate.py`, `rewrite.py`   texts into texts
- `answer_question.py`         from documents, or declining
- `write_code.py`              programs
- `shown.py`                   examples or a selector: what all of them take

May import: the other modules of `ragkit.prompts`, of which it is the last.
"""
