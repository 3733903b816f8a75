"""Configuration of Sphinx."""

import builtins
import importlib
import inspect
import re
import sys
from importlib import metadata
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from check_reference import public_names
from make_diagrams import picture
from make_tables import table
from rtms_client.exceptions._door import HOMES

project = "rtms_client"
author = "rtms_client contributors"
project_copyright = f"2026, {author}"
release = metadata.version("rtms_client")
version = release.rpartition(".")[0]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
html_theme = "furo"
pygments_dark_style = "monokai"
html_title = f"rtms_client {release}"
html_static_path = ["_static"]
html_css_files = ["diagrams.css"]
html_show_sourcelink = False
html_theme_options = {  # room for 90 characters of code
    "light_css_variables": {"code-font-size": "78%"},
}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
default_role = "py:obj"
python_maximum_signature_line_length = 130
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False

nitpicky = True
# The build reaches no network, so that names of other projects have no target.
_FOREIGN = "|".join(
    [
        *sorted(sys.stdlib_module_names),
        *("attrs?", "cryptography", "opentelemetry", "pytest", "typing_extensions", "websockets"),
        *(
            "Image",
            "NDArray",
            "PathLike",
            "SSLContext",
            "av",
            "np",
            "numpy",
        ),  # named by type checkers only
    ]
)
nitpick_ignore_regex = [
    (r"py:.*", rf"({_FOREIGN})(\..*)?"),
    (r"py:.*", "|".join(sorted(name for name in dir(builtins) if name.isidentifier()))),
    (r"py:.*", r"(rtms_client\.([\w.]+\.)?)?_?([A-Z]\w*)?T(_co|_contra)?"),  # type variables
    (r"py:.*", r"rtms_client\.stream\.[A-Z]\w+Callback"),
    (r"py:obj", r".*"),  # the default role: names and values of all kinds
    (r"py:.*", r"rtms_client\.protocol\.machine\.(State|Cause)"),
    (r"py:.*", r"rtms_client\.([\w.]+\.)?_\w+(\.\w+)*"),  # private names in signatures
]


_BASES = "BaseException, Enum, Generic, dict, int, object, str"  # whose members nobody looks for


def _directive(name: str, value: object) -> str:
    """Return the directive that documents one name."""
    if inspect.isroutine(value):
        return f".. autofunction:: {name}"
    if not inspect.isclass(value):
        return f".. autodata:: {name}\n   :no-value:"
    kind = "exception" if issubclass(value, BaseException) else "class"
    return (
        f".. auto{kind}:: {name}\n   :show-inheritance:\n   :members:\n"
        f"   :inherited-members: {_BASES}"
    )


def _reference(module: str, names: list[str]) -> str:
    """Return the directives that document some names of a module, in their order."""
    owner = importlib.import_module(module)
    directives = [_directive(f"{module}.{name}", getattr(owner, name)) for name in names]
    return "\n\n".join([f".. automodule:: {module}", *directives])


def _write_reference(_app: Sphinx, document: str, content: list[str]) -> None:
    """Fill the pages of the reference with every public name."""
    for module, names in public_names("rtms_client").items():
        page = "reference/api" if module == "rtms_client" else "reference/modules"
        if names and page == document:
            content[0] += f"\n## {module}\n\n```{{eval-rst}}\n{_reference(module, names)}\n```\n"


def _put_generated(_app: Sphinx, _document: str, content: list[str]) -> None:
    """Put pictures and tables into the pages, in place of comments that name them."""

    def generate(match: re.Match[str]) -> str:
        kind, name = match.groups()
        return table(name) if kind == "table" else f"```{{raw}} html\n{picture(name)}\n```"

    content[0] = re.sub(
        r"^<!-- (picture|table): ([a-z-]+) -->$", generate, content[0], flags=re.MULTILINE
    )


def _describe_alias(
    _app: Sphinx, what: str, name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Take the docstring of a re-exported alias or constant from the module that defines it."""
    if what == "data":
        key = ("", name.rpartition(".")[2])
        for module in [module for module in sys.modules if module.startswith("rtms_client.")]:
            lines[:] = ModuleAnalyzer.for_module(module).find_attr_docs().get(key, lines)


for _exception, _home in HOMES.items():  # attributes have their docstrings there
    _exception.__module__ = _home

_plain: list[str] = []
_NOTES = re.compile(r",? \((?:[a-z]+ )*notes, [^()]*\)")  # sources, for who works on the code


def _keep_plain(
    _app: Sphinx, what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Remember the text of an attribute, in which Napoleon takes "x: y" for a type and a text."""
    _plain[:] = [] if what in {"class", "function", "method", "module", "exception"} else lines


def _restore_plain(
    _app: Sphinx, _what: str, _name: str, _obj: object, _options: object, lines: list[str]
) -> None:
    """Undo what Napoleon did to an attribute, and leave out references to sources."""
    if _plain:
        lines[:] = _plain
    lines[:] = _NOTES.sub("", "\n".join(lines)).split("\n")


_NOT_FOR_CALLERS = re.compile(
    r"rtms_client\.(RTMSStream|ItemIterator|portal\.Portal\w*|testing\.Fake(Stream|Connection|EventConnection))"
)


def _hide_constructor(
    _app: Sphinx,
    _what: str,
    name: str,
    _obj: object,
    _options: object,
    signature: str | None,
    returns: str | None,
) -> tuple[str | None, str | None]:
    """Leave out the arguments of what only the library makes."""
    return ("", None) if _NOT_FOR_CALLERS.fullmatch(name) else (signature, returns)


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    app.connect("source-read", _write_reference)
    app.connect("source-read", _put_generated)
    app.connect("autodoc-process-signature", _hide_constructor)
    app.connect("autodoc-process-docstring", _describe_alias, priority=300)
    app.connect("autodoc-process-docstring", _keep_plain, priority=400)  # Napoleon has 500
    app.connect("autodoc-process-docstring", _restore_plain, priority=600)
