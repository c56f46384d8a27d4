"""The labelled sets of `tasks.py`: where their items come from, who predicts them, and what was published."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragkit.encoder import Encoder
from ragkit.evaluate.chat import ChatModel
from ragkit.evaluate.data.labelled import AG_NEWS_CLASSES, SST2_CLASSES, ag_news, multi30k, sst2, wnut17
from ragkit.evaluate.measures.entities import Entity, read_entities
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.tasks.baselines import ChanceLabel, CopySource, Gazetteer, MajorityLabel, NearestNeighbours
from ragkit.evaluate.tasks.fewshot import (
    ENTITIES_SCHEMA,
    Chooser,
    FewShotChat,
    instruction,
    nearest_shots,
    random_shots,
    read_label,
    read_mentions,
    read_text,
    show_mentions,
)
from ragkit.evaluate.tasks.predictor import Item, Predictor
from ragkit.evaluate.tasks.rewriting import translate
from ragkit.evaluate.tasks.runners import Tokens, classify, mark_entities
from ragkit.evaluate.tasks.working import TaskResult

__all__ = ["SETS", "Labelled", "Options", "halves"]

_NEIGHBOURS = 8
_SPLIT_SEED = 0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    encoder: Encoder
    model: ChatModel | None = None
    shots: int = 8
    choose: str = "nearest"
    seed: int = 0

    def chooser(self, pool: Sequence[Item[str, str]]) -> tuple[Chooser, Mapping[str, Any]]:
        """Give what chooses the examples shown, and how it is described."""
        about = {"choose": self.choose, "count": self.shots, "pool": len(pool)}
        if self.choose == "nearest":
            return nearest_shots(pool, self.shots, self.encoder), about
        return random_shots(pool, self.shots, seed=self.seed), {**about, "seed": self.seed}


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled set, ready to be predicted."""

    title: str
    items: Sequence[Item[Any, Any]]  # Any: labels, entities or translations, as `run` takes them
    run: Callable[..., TaskResult]
    predictors: Mapping[str, Callable[[Callable[[ChatModel], ChatModel]], Predictor[Any, Any]]]
    """By name; each is given what puts a recording before a chat model."""
    measures: tuple[str, ...]
    files: Mapping[str, Path]
    notes: tuple[str, ...] = ()
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By system, then by measure, from the same setting."""


def halves(
    items: Sequence[Item[str, str]], *, seed: int = _SPLIT_SEED
) -> tuple[list[Item[str, str]], list[Item[str, str]]]:
    """Cut a set into a pool and a test of equal size, at random by the seed; both in the order of the set."""
    chosen = set(random.Random(seed).sample(range(len(items)), len(items) // 2))  # noqa: S311  # no secret
    pool = [item for place, item in enumerate(items) if place in chosen]
    return pool, [item for place, item in enumerate(items) if place not in chosen]


def _sst2(data: Path, options: Options) -> Labelled:
    files = {"pool": data / "sst2/train.tsv", "test": data / "sst2/test.tsv"}
    pool, test = ([Item(row.id, row.text, row.label) for row in sst2(path)] for path in files.values())
    return _classes("SST-2, test", pool, test, SST2_CLASSES, "the sentence of a film review", files, options)


def _agnews(data: Path, options: Options) -> Labelled:
    files = {"test": data / "ag_news/test.csv.gz"}
    pool, test = halves([Item(row.id, row.text, row.label) for row in ag_news(files["test"])])
    note = "Only the test file is at hand: half of it, drawn with seed 0, is the pool, and the other half is predicted."
    return _classes("AG News, half of test", pool, test, AG_NEWS_CLASSES, "the news", files, options, notes=(note,))


def _classes(
    title: str,
    pool: Sequence[Item[str, str]],
    test: Sequence[Item[str, str]],
    labels: Sequence[str],
    what: str,
    files: Mapping[str, Path],
    options: Options,
    *,
    notes: tuple[str, ...] = (),
) -> Labelled:
    nearest = NearestNeighbours(pool, options.encoder, neighbours=_NEIGHBOURS)
    predictors: dict[str, Callable[[Callable[[ChatModel], ChatModel]], Predictor[str, str]]] = {
        "chance": lambda _: ChanceLabel(labels, seed=options.seed),
        "majority": lambda _: MajorityLabel(pool),
        f"{_NEIGHBOURS} nearest": lambda _: nearest,
    }
    if (model := options.model) is not None:
        choose, about = options.chooser(pool)
        system = instruction("classify", what=what, labels=", ".join(labels))
        predictors["chat"] = lambda keep: FewShotChat(
            keep(model), system=system, choose=choose, read=read_label(labels), about=about
        )
    measures = ("accuracy", "macro_f1", "matthews")
    return Labelled(title, test, classify, predictors, measures, files, notes)


class _OfTokens:
    """A predictor of texts as one of sentences in tokens, parted by blanks."""

    def __init__(self, inner: Predictor[str, tuple[Entity, ...]]) -> None:
        self._inner = inner

    @property
    def card(self) -> Mapping[str, Any]:
        return self._inner.card

    def predict(self, items: Sequence[Tokens]) -> Sequence[tuple[Entity, ...] | Unscored]:
        return self._inner.predict([" ".join(tokens) for tokens in items])


def _wnut17(data: Path, options: Options) -> Labelled:
    folder = data / "wnut17_ner"
    pool, test = (
        [Item(row.id, row.tokens, tuple(read_entities(row.tags))) for row in wnut17(folder, split)]
        for split in ("train", "test")
    )
    predictors: dict[str, Callable[[Callable[[ChatModel], ChatModel]], Predictor[Tokens, tuple[Entity, ...]]]] = {
        "gazetteer": lambda _: Gazetteer(pool)
    }
    if (model := options.model) is not None:
        types = sorted({entity.type for item in pool for entity in item.gold})
        choose, about = options.chooser(
            [Item(item.id, " ".join(item.given), show_mentions(item.given, item.gold)) for item in pool]
        )
        system = instruction("entities", types=", ".join(types))
        predictors["chat"] = lambda keep: _OfTokens(
            FewShotChat(
                keep(model),
                system=system,
                choose=choose,
                read=read_mentions(types),
                schema=ENTITIES_SCHEMA,
                about=about,
            )
        )
    files = {"pool": folder / "wnut17train.conll", "test": folder / "emerging.test.annotated"}
    note = (
        "Published: best and last of seven in the shared task, trained on the same part, outside resources allowed "
        "(Derczynski et al., WNUT 2017)."
    )
    return Labelled(
        "WNUT-17, test",
        test,
        mark_entities,
        predictors,
        ("f1", "f1_surface", "precision", "recall", "exact"),
        files,
        (note,),
        {"UH-RiTUAL": {"f1": 0.4186, "f1_surface": 0.4024}, "Drexel-CCI": {"f1": 0.2630, "f1_surface": 0.2526}},
    )


def _multi30k(data: Path, options: Options) -> Labelled:
    folder = data / "multi30k"
    memory, test = (
        [Item(row.id, row.source, row.target) for row in multi30k(folder, split)]
        for split in ("val", "test_2016_flickr")
    )
    nearest = NearestNeighbours(memory, options.encoder)
    predictors: dict[str, Callable[[Callable[[ChatModel], ChatModel]], Predictor[str, str]]] = {
        "copy": lambda _: CopySource(),
        "memory": lambda _: nearest,
    }
    if (model := options.model) is not None:
        choose, about = options.chooser(memory)
        system = instruction("translate", source="English", target="German")
        predictors["chat"] = lambda keep: FewShotChat(
            keep(model), system=system, choose=choose, read=read_text, about=about
        )
    names = [f"{split}.{language}.gz" for split in ("val", "test_2016_flickr") for language in ("en", "de")]
    measures = ("corpus_BLEU", "corpus_chrF", "chrF")
    files = {name: folder / name for name in names}
    return Labelled("Multi30k en-de, test 2016", test, translate, predictors, measures, files)


SETS: Mapping[str, Callable[[Path, Options], Labelled]] = {
    "sst2": _sst2,
    "agnews": _agnews,
    "wnut17": _wnut17,
    "multi30k": _multi30k,
}
"""By name: from the folder of data and the options to a labelled set."""
