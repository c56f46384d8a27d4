"""docutils, made fit for any file: silent, without access to files, and tolerant of what only Sphinx knows."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from docutils import frontend, nodes, utils
from docutils.parsers.rst import Directive, Parser, directives, roles, states

__all__ = ["parse_rst"]

_SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "report_level": 5,
    "halt_level": 6,
    "warning_stream": False,
    "syntax_highlight": "none",
    "smart_quotes": False,
}
_SAYS_NOTHING = frozenset(
    {"currentmodule", "default-domain", "highlight", "index", "module", "py:currentmodule", "py:module"}
    | {"tabularcolumns", "toctree"}
)
_VERBATIM = frozenset({"console", "doctest", "ipython", "productionlist", "prompt", "testcode", "testoutput"})
_MAX_SLIPS = 1000
_TITLED = re.compile(r"(.+?)\s*<[^<>]*>\Z", re.DOTALL)
# A slip of docutils on one odd file must not cost the file: it is read as plain text.
_SLIPS = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_ONE_AT_A_TIME = threading.Lock()  # a file may register roles of its own, in a table of the whole process


def parse_rst(text: str) -> nodes.document | None:
    """Parse a text; None where docutils cannot, or where it finds more than a thousand slips.

    It cannot where nesting is very deep or a line longer than 10,000 characters. Substitutions are put in, one level
    deep; transforms such as the one that lifts a lone title are not applied.
    """
    # The reader of settings would look for configuration files in the working directory: it is not asked.
    settings = frontend.get_default_settings(Parser)
    vars(settings).update(_SETTINGS)
    document = utils.new_document("text", settings)
    document.reporter = _Patience("text", settings.report_level, settings.halt_level, stream=False)
    parser = Parser(inliner=_inliner())
    parser.state_classes = _STATES
    with _ONE_AT_A_TIME:
        registered: dict[str, Any] = vars(roles)["_roles"]
        known = dict(registered)
        try:
            parser.parse(text, document)
        except (*_SLIPS, utils.SystemMessage):
            return None
        finally:
            registered.clear()
            registered.update(known)
    if any(len(line) > settings.line_length_limit for line in text.split("\n")):
        return None
    for reference in list(document.findall(nodes.substitution_reference)):
        definition = document.substitution_defs.get(document.substitution_names.get(reference["refname"].lower(), ""))
        told = definition is not None and "date::" not in definition.rawsource  # the day of reading is no text
        shown = definition.astext() if definition is not None and told else reference.astext()
        reference.parent.replace(reference, nodes.Text(shown))
    return document


class _Patience(utils.Reporter):
    """Ends the parsing of what is plainly no reStructuredText; after thousands of slips it takes quadratic time."""

    def system_message(
        self, level: int, message: str | Exception, *children: nodes.Node, **attributes: Any
    ) -> nodes.system_message:
        if not str(message).startswith("No "):  # such as a role or directive that is tolerated below
            self.slips = getattr(self, "slips", 0) + 1
        if getattr(self, "slips", 0) > _MAX_SLIPS:
            raise ValueError(f"more than {_MAX_SLIPS} slips")
        return super().system_message(level, message, *children, **attributes)


class _AnyOption(dict[str, Callable[[str], str]]):
    """Takes every option of a directive as text."""

    def __missing__(self, name: str) -> Callable[[str], str]:
        return directives.unchanged


class _Tolerated(Directive):
    """A directive that docutils does not know: its argument and content are text."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec = _AnyOption({"": directives.unchanged})

    def run(self) -> list[nodes.Node]:
        if self.name.lower() in _SAYS_NOTHING or self.name.lower().startswith("auto"):
            return []
        if self.name.lower() in _VERBATIM:
            code = "\n".join([*self.arguments, *self.content])
            return [nodes.literal_block(code, code)]
        found = nodes.container()
        argument = " ".join(" ".join(self.arguments).split())
        if argument:
            shown = f"{self.name} {argument}" if self.name.startswith(("version", "deprecated")) else argument
            # What a domain describes, as `py:function` does, is a signature: its stars are no mark-up.
            words = [nodes.Text(shown)] if ":" in self.name else self.state.inline_text(shown, self.lineno)[0]
            found += nodes.paragraph(argument, "", *words)
        self.state.nested_parse(self.content, self.content_offset, found)
        return [found]


def _inliner() -> states.Inliner:
    """Make a reader of roles that gives the text of those that docutils does not know."""
    inliner = states.Inliner()
    usual = inliner.interpreted

    def interpreted(rawsource: str, text: str, role: str, lineno: int) -> tuple[list[Any], list[Any]]:
        known, _ = roles.role(role, inliner.language, lineno, inliner.reporter)
        if known:
            found: tuple[list[Any], list[Any]] = usual(rawsource, text, role, lineno)
            return found
        return [nodes.inline(rawsource, _role_text(utils.unescape(text)))], []

    vars(inliner)["interpreted"] = (
        interpreted  # not a subclass: its patterns are built from the attributes of this very class
    )
    return inliner


def _role_text(text: str) -> str:
    """Give what Sphinx would show of a role's text: `title <target>`, `~module.name`, `!name`."""
    if title := _TITLED.match(text):
        return title.group(1)
    return text.rpartition(".")[2].lstrip("~") if text.startswith("~") else text.lstrip("!")


class _Tolerant:
    """Mixed into every state of the parser."""

    nested_sm_cache: ClassVar[list[Any]] = []  # the original keeps machines with the original states

    def __init__(self, state_machine: Any, debug: bool = False) -> None:
        super().__init__(state_machine, debug)  # type: ignore[call-arg]
        self.nested_sm_kwargs = {"state_classes": _STATES, "initial_state": "Body"}

    def unknown_directive(self: Any, type_name: str) -> Any:
        match = re.search(re.escape(type_name) + r"[ ]?::[ ]*", self.state_machine.line)
        return self.run_directive(_Tolerated, match, type_name, {})


_STATES: tuple[Any, ...] = tuple(type(state.__name__, (_Tolerant, state), {}) for state in states.state_classes)
