"""Writes the pages of docs/ that are made from the code: `python -m docs.generate`."""

import ast
import inspect
import types
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

DOCS = Path(__file__).parent
SHARED_OPTIONS = {"stack", "config_file", "as_json", "help"}
MADE = "<!-- Made from the code: python -m docs.generate -->\n"
NAMES = {str: "text", int: "number", float: "number", bool: "`true` or `false`", Path: "path"}


def pages() -> dict[str, str]:
    """File name to content, for every page that is made from the code."""
    from ops.doctor.page import page as doctor
    from tests.attacks import page as attacks

    return {
        "settings.md": _settings(),
        "commands.md": _commands(),
        "policies.md": _policies(),
        "doctor.md": doctor(),
        "attacks.md": attacks(),
    }


def described(model: type[BaseModel]) -> Mapping[str, str]:
    """Field to the docstring below it; empty where there is none."""
    [body] = [node.body for node in ast.parse(inspect.getsource(model)).body if isinstance(node, ast.ClassDef)]
    found = dict.fromkeys(model.model_fields, "")
    for field, below in pairwise(body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str() as text)):
                found[name] = " ".join(text.split())
    return found


def _head(page: str) -> str:
    """What people wrote above the part that is made."""
    return (DOCS / f"{page}.head.md").read_text(encoding="utf-8").rstrip()


def _settings() -> str:
    from settings.model import GROUPS

    parts = [_head("settings")]
    parts += [f"## {g.namespace}\n\n{g.__doc__}\n\n" + _table(g, f"{g.namespace}:") for g in GROUPS]
    return MADE + "\n\n".join(parts) + "\n"


def _table(model: type[BaseModel], prefix: str) -> str:
    lines = ["| setting | value | default | meaning |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in _rows(model, prefix)]
    return "\n".join(lines)


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    meanings = described(model)
    for name, field in model.model_fields.items():
        key, nested = f"{prefix}{to_camel(name)}", _nested(field.annotation)
        if nested and not isinstance(field.default, tuple | dict):
            yield from _rows(nested, f"{key}.")
            continue
        yield f"`{key}`", _type(field.annotation, field.metadata), _default(field), meanings[name]
        if nested:
            yield from _rows(nested, f"{key}[].")


def _nested(annotation: Any) -> type[BaseModel] | None:
    candidates = (annotation, *get_args(annotation))
    return next((kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _type(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    low, high = _bounds(metadata)
    if low is not None:
        return f"{low} to {high}" if high is not None else f"number from {low}"
    if origin is Annotated:
        return _type(arguments[0], arguments[1:])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in {Union, types.UnionType}:
        return " or ".join(_type(kind) for kind in arguments if kind is not type(None))
    if origin is tuple:
        return "list"
    return NAMES.get(annotation, "map" if origin else "text")


def _bounds(metadata: Sequence[Any]) -> tuple[Any, Any]:
    low = high = None
    for constraint in (entry for item in metadata for entry in (getattr(item, "metadata", None) or [item])):
        match constraint:
            case Ge(ge=value) | Gt(gt=value):
                low = value
            case Le(le=value) | Lt(lt=value):
                high = value
    return low, high


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or value in ({}, ()):
        return ""
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{shown}`" if shown else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _commands() -> str:
    from typer.main import get_command

    from ops.commands import cli

    root = get_command(cli)
    parts = [_head("commands")]
    for name, command in sorted(root.commands.items()):  # type: ignore[attr-defined]
        if not command.hidden:
            parts += _command(f"python -m ops {name}", command, command.context_class(command, info_name=name))
    return MADE + "\n\n".join(parts) + "\n"


def _command(path: str, command: Any, context: Any) -> list[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## {path.removeprefix('python -m ops ')}", f"`{path} {usage}`", inspect.cleandoc(command.help or "")]
    options = [o for o in command.params if getattr(o, "help", None) and not o.hidden and o.name not in SHARED_OPTIONS]
    if options:
        rows = ["| option | meaning |", "|---|---|"]
        rows += [f"| {', '.join(f'`{word}`' for word in _words(o))} | {_cell(o.help)} |" for o in options]
        lines.append("\n".join(rows))
    for name, below in sorted(getattr(command, "commands", {}).items()):
        lines += _command(f"{path} {name}", below, type(context)(below, info_name=name, parent=context))
    return lines


def _words(parameter: Any) -> list[str]:
    return [parameter.metavar or parameter.name.upper()] if parameter.param_type_name == "argument" else parameter.opts


def _policies() -> str:
    from policy.rules import RULES

    rows = ["| rule | says |", "|---|---|", *(f"| `{rule.name}` | {_cell(rule.description)} |" for rule in RULES)]
    return MADE + _head("policies") + "\n\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    from docs.picture import pictures

    for name, content in {**pages(), **{f"images/{name}": picture for name, picture in pictures().items()}}.items():
        (DOCS / name).write_text(content, encoding="utf-8")
