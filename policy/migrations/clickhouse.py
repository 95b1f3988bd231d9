"""What a ClickHouse statement does, read from the tree and the plain spelling that the server itself gives.

An allow-list: a statement or an action that is not named here may do anything. Functions only compute: ClickHouse has
none that writes, but for table functions, which are refused.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from policy.migrations.allowed import allowed
from policy.migrations.model import KEEPS, Cause, Effect, Statement, UnreadableError

LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
NAME = r"(?:`(?:[^`\\]|\\.)+`|\w+)"
DOTTED = rf"{NAME}(?:\.{NAME})?"
HEADER = re.compile(
    rf"(?P<verb>CREATE|DROP|DETACH|TRUNCATE|RENAME|EXCHANGE|INSERT INTO)(?P<replace> OR REPLACE)?(?: TEMPORARY)?"
    rf"(?: (?P<kind>TABLES?|VIEW|MATERIALIZED VIEW)(?= ))?(?: IF (?:NOT )?EXISTS)? (?P<name>{DOTTED})"
    rf"(?: UUID '')?(?: ON CLUSTER {NAME})?(?: TO (?P<to>{DOTTED}))?"
)
SETTINGS = re.compile(r" SETTINGS (?P<set>\w+ = [^ ,()]+(?:, \w+ = [^ ,()]+)*)$")
DATA = re.compile(r"^INSERT .* FORMAT \w+$", re.DOTALL)
PIECES = 10
"""How many semicolons a comment or literal may have for the whole to be found."""
LOSES_VALUES = re.compile(r" (?:TTL|ALIAS|EPHEMERAL|REMOVE|MODIFY SETTING|RESET SETTING)\b")
"""What MODIFY COLUMN may say beside a type, a default, a codec and a comment."""


@dataclass(frozen=True)
class Asked:
    """What the server says about one statement.

    Attributes:
        spelling: the statement as the server writes it: one line, no comments, one way to quote.
        tree: lines of `EXPLAIN AST`.
    """

    spelling: str
    tree: Sequence[str]


Ask = Callable[[str], Asked | None]
"""Asks the server how it reads a statement; None when it is empty. Raises UnreadableError when it refuses it."""


@dataclass
class _Node:
    label: str
    children: list["_Node"] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What stands behind the kind of a node."""
        return self.label.partition(" ")[2].partition(" (alias ")[0]

    def all(self, kind: str) -> Iterator["_Node"]:
        """Every node of a kind below this one."""
        for child in self.children:
            if f"{child.label} ".startswith(f"{kind} "):
                yield child
            yield from child.all(kind)


def statements(sql: str, namespace: str, ask: Ask) -> list[Statement]:
    """What each statement of a file does.

    Args:
        sql: the file's text.
        namespace: Langfuse's own database.
        ask: the server.

    Raises:
        UnreadableError: the server refuses one.
    """
    found = []
    for asked in pieces(sql, ask):
        reader = _Reader(asked, namespace)
        try:
            reader.read()
        except (LookupError, RecursionError, ValueError) as error:
            reader.unknown(f"cannot be followed: {type(error).__name__}", Cause.UNREADABLE)
        found.append(Statement(asked.spelling, reader.effects or [KEEPS], frozenset(reader.reads)))
    return found


def pieces(sql: str, ask: Ask) -> Iterator[Asked]:
    """The statements of a file as golang-migrate applies them: cut at every semicolon, wherever it stands.

    Where it stands in a comment or a literal, the server refuses one of the pieces, and nothing after it is applied.
    Then the whole that its author meant is read too, beside each piece that the server would take.

    Raises:
        UnreadableError: the server refuses a piece, and every whole that it may be part of.
    """
    parts = sql.split(";")
    meant = 0
    for at, part in enumerate(parts):
        try:
            asked = ask(part)
        except UnreadableError as error:
            if at >= meant:
                meant, asked = _whole(parts, at, ask, error)
            else:
                asked = None
        if asked:
            yield asked


def _whole(parts: Sequence[str], at: int, ask: Ask, error: UnreadableError) -> tuple[int, Asked | None]:
    """The shortest run of pieces around a refused one that is one statement or comment, and where it ends."""
    for start in range(at, max(at - PIECES, -1), -1):
        for end in range(at + 1 + (start == at), min(at + PIECES, len(parts)) + 1):
            whole = ";".join(parts[start:end])
            try:
                # A server reads no further than a semicolon outside of comments, nor behind the start of inserted data.
                asked = ask(whole)
                alone = ask(f"{whole}\nSELECT 1") if asked is None else not DATA.search(asked.spelling)
            except UnreadableError:
                continue
            if alone:
                return end, asked
    raise error


def _tree(lines: Sequence[str]) -> _Node:
    root = _Node("")
    path = [root]
    for line in lines:
        label = line.lstrip(" ")
        node = _Node(re.sub(r" \(children \d+\)$", "", label))
        del path[len(line) - len(label) + 1 :]
        path[-1].children.append(node)
        path.append(node)
    [top] = root.children
    return top


class _Reader:
    """Collects the effects of one statement."""

    def __init__(self, asked: Asked, namespace: str) -> None:
        self.namespace = namespace
        self.effects: list[Effect] = []
        self.reads: set[str] = set()
        self.spelling = LITERAL.sub("''", asked.spelling)
        self.top = _tree(asked.tree)

    def read(self) -> None:
        """Collect what the statement does."""
        kind = self.top.label.split(" ")[0]
        self.reads |= {self._own(node.name) for node in self.top.all("TableIdentifier")}
        for node in self.top.all("TableExpression"):
            for function in node.children:
                if function.label.startswith("Function "):
                    self.unknown(f"reads from {function.name}(), which reaches elsewhere")
        settings = SETTINGS.search(self.spelling)
        if settings and kind != "CreateQuery" and not _all(settings["set"], "settings"):
            self.unknown("runs with settings that are not on the list")
        if self.top.label.endswith(" query") or kind in allowed("clickhouse", "beyond"):
            self.outside(f"{kind} reaches further than its own tables")
        elif kind in HANDLERS:
            HANDLERS[kind](self)
        else:
            self.unknown(f"{kind} is not on the list")

    def unknown(self, why: str, cause: Cause = Cause.UNKNOWN) -> None:
        """Note that the statement may do anything."""
        self.effects.append(Effect("unknown", why, cause=cause))

    def outside(self, what: str) -> None:
        """Note that the statement reaches further than Langfuse's own tables."""
        self.effects.append(Effect("outside", what))

    def _own(self, dotted: str) -> str:
        *database, name = re.findall(NAME, dotted)
        if database not in ([], [self.namespace]):
            self.outside(f"names {dotted}, outside {self.namespace}")
        return re.sub(r"\\(.)", r"\1", name.strip("`"))

    def _target(self) -> str:
        """The table that a statement is about: the identifiers below its root."""
        *database, name = [child.name for child in self.top.children if child.label.startswith("Identifier ")]
        if database not in ([], [self.namespace]):
            self.outside(f"names {'.'.join([*database, name])}, outside {self.namespace}")
        return name

    def select(self) -> None:
        if " INTO OUTFILE " in self.spelling:
            self.unknown("writes a file")

    def setting(self) -> None:
        if not _all(self.spelling, "settings"):
            self.unknown("sets what is not on the list")

    def delete(self) -> None:
        self.effects.append(Effect("writes", "table", self._target()))

    def objects(self) -> None:
        header = HEADER.match(self.spelling)
        if not header:
            self.unknown(f"this form of {self.top.label} is not on the list")
            return
        verb, kind = header["verb"], (header["kind"] or "").lower()
        if verb == "INSERT INTO":
            self.effects.append(Effect("adds", "rows", self._own(header["name"])))
            if self.top.children[0].label.startswith("Function "):
                self.unknown("writes through a function")
        elif not kind:
            say = self.outside if header["name"] in {"ALL", "DATABASE"} else self.unknown
            say(f"{verb} of what is no table or view")
        elif verb == "CREATE":
            self._create(header, kind)
        elif verb in {"RENAME", "EXCHANGE"}:
            self._rename(verb)
        else:
            several = [self._own(node.name) for node in self.top.all("TableIdentifier")]
            does, what = ("writes", "table") if verb == "TRUNCATE" else ("takes", kind.split()[-1])
            self.effects += [Effect(does, what, name) for name in several or [self._target()]]  # type: ignore[arg-type]

    def _create(self, header: re.Match[str], kind: str) -> None:
        name = self._own(header["name"])
        engines = [storage.children[0].name for storage in self.top.all("Storage definition") if storage.children]
        if {engine.removeprefix("Replicated").removeprefix("Shared") for engine in engines} - allowed(
            "clickhouse", "engines"
        ):
            self.unknown(f"engine {engines[0]}, which keeps its rows elsewhere")
        if kind == "table" and not engines and " TEMPORARY " not in self.spelling:
            self.unknown("a table made like another")
        if list(self.top.all("Refresh")):
            self.unknown("a view that replaces its target's rows by the clock")
        if header["replace"]:
            self.effects.append(Effect("takes", kind.rsplit(maxsplit=1)[-1], name))
        if header["to"]:
            self.effects.append(Effect("feeds", "table", self._own(header["to"])))
        self.effects.append(Effect("makes", kind, name))

    def _rename(self, verb: str) -> None:
        tail = self.spelling.partition(" TABLES " if verb == "EXCHANGE" else " TABLE ")[2]
        for pair in tail.partition(" ON CLUSTER ")[0].split(", "):
            one, two = (self._own(name) for name in re.split(" TO | AND ", pair))
            self.effects += [Effect("takes", "table", one), Effect("takes", "table", two)]
            self.effects.append(Effect("makes", "table", two, origin=one))
            if verb == "EXCHANGE":
                self.effects.append(Effect("makes", "table", one, origin=two))

    def alter(self) -> None:
        table = self._target()
        for action in self.top.all("AlterCommand"):
            self._action(table, action.name, action)

    def _action(self, table: str, kind: str, action: _Node) -> None:
        if kind in allowed("clickhouse", "actions"):
            return
        if kind in allowed("clickhouse", "on_no_rows"):
            self.effects.append(Effect("takes", "index", table))
        elif kind == "ADD_COLUMN":
            self.effects.append(Effect("makes", "column", table, action.children[0].name))
        elif kind == "DROP_COLUMN":
            self.effects.append(Effect("takes", "column", table, action.children[0].name))
        elif kind == "RENAME_COLUMN":
            old, new = (child.name for child in action.children)
            self.effects.append(Effect("takes", "name of column", table, old))
            self.effects.append(Effect("makes", "column", table, new, origin=old))
        elif kind == "MODIFY_COLUMN":
            column = action.children[0]
            types = [_type(child) for child in column.children if child.label.startswith("DataType ")]
            lossless = not LOSES_VALUES.search(self.spelling)
            becomes = (types[0] if types else "=") if lossless else ""
            self.effects.append(Effect("takes", "values of column", table, column.name, type=becomes))
        elif kind == "MODIFY_QUERY":
            self.effects.append(Effect("feeds", "view", table))
        elif kind == "MODIFY_SETTING" and _all(self.spelling.partition("MODIFY SETTING ")[2], "table_settings"):
            return
        elif kind in allowed("clickhouse", "on_rows"):
            self.effects.append(Effect("takes", "rows", table))
        else:
            self.unknown(f"{kind} is not on the list of what ALTER TABLE may do")


def _type(node: _Node) -> str:
    """A type as the server notes it: `Nullable(String)`."""
    inner = [_type(child) for child in node.children[0].children] if node.children else []
    if node.label.startswith("Literal "):
        return node.name.rpartition("_")[2]
    return node.name + (f"({', '.join(inner)})" if inner else "")


def _all(settings: str, listed: str) -> bool:
    """Whether every name that gets a value here is on a list."""
    names = re.findall(r"(\w+) = ", settings)
    patterns = allowed("clickhouse", listed)
    return bool(names) and all(any(fnmatchcase(name, pattern) for pattern in patterns) for name in names)


HANDLERS: Mapping[str, Callable[[_Reader], None]] = {
    "AlterQuery": _Reader.alter,
    "DeleteQuery": _Reader.delete,
    "SelectWithUnionQuery": _Reader.select,
    "Set": _Reader.setting,
    **dict.fromkeys(
        ("CreateQuery", "DetachQuery", "DropQuery", "InsertQuery", "Rename", "TruncateQuery"), _Reader.objects
    ),
}
