"""Examples for every text, or a choice of them: what each builder is given."""

from __future__ import annotations

from collections.abc import Iterable

from ragkit.errors import ConfigError
from ragkit.prompts.examples import AnyExample, as_examples
from ragkit.prompts.selectors.given import FixedSelector
from ragkit.prompts.selectors.selector import Selector

__all__ = ["shown"]


def shown(examples: Iterable[AnyExample], selector: Selector | None) -> Selector:
    """Give the selector, or one that shows all of `examples`.

    Raises:
        ConfigError: If both are given, for one of them would be shown to nobody.
        InputError: If an example has no input or output.
    """
    fixed = FixedSelector(as_examples(examples))
    if selector is not None and fixed.examples:
        raise ConfigError("examples and a selector are given, which chooses from its own: give one of them.")
    return selector or fixed
