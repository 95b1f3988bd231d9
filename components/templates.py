"""Renders the configuration files beside this module. An unknown variable in a template is an error."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

FILES = Path(__file__).parent / "files"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701 - XML and YAML for servers, not pages; values are validated settings
        loader=FileSystemLoader(FILES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True}
    return environment


def render(name: str, **values: object) -> str:
    """The text of `files/<name>` with `values` filled in.

    Raises:
        jinja2.UndefinedError: the template names a value that was not given.
    """
    return _environment().get_template(name).render(**values)
