"""What a Postgres statement does, read from the tree that the server's own parser makes of it.

An allow-list: a node or a function that is not named here may do anything.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from policy.migrations.allowed import allowed, functions
from policy.migrations.model import KEEPS, Cause, Does, Effect, Statement, UnreadableError

Node = Mapping[str, Any]

COMMENTS = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)
CATALOGS = frozenset({"pg_catalog", "information_schema"})
KINDS = {"OBJECT_MATVIEW": "view", "OBJECT_DOMAIN": "type"}
"""Kinds that are judged as another."""


def statements(sql: str, namespace: str) -> list[Statement]:
    """What each statement of a file does.

    Args:
        sql: the file's text.
        namespace: Langfuse's own schema.

    Raises:
        UnreadableError: the parser refuses it.
    """
    encoded = sql.encode()
    found = []
    for entry in _parsed(sql):
        start = entry.get("stmt_location", 0)
        end = start + entry["stmt_len"] if "stmt_len" in entry else len(encoded)
        text = COMMENTS.sub("", encoded[start:end].decode())
        reader = _Reader(text, namespace)
        try:
            reader.read(entry["stmt"])
        except (RecursionError, LookupError, TypeError, ValueError) as error:
            reader.unknown(f"cannot be followed: {type(error).__name__}", Cause.UNREADABLE)
        found.append(Statement(text, reader.effects or [KEEPS], frozenset(reader.reads), frozenset(reader.cascades)))
    return found


def _parsed(sql: str) -> list[dict[str, Any]]:
    import pgparse

    if "\0" in sql:
        raise UnreadableError("a zero byte, where Postgres ends reading")
    try:
        return list(pgparse.parse(sql))
    except (pgparse.PGQueryError, RecursionError, ValueError) as error:
        raise UnreadableError(str(error)) from None


class _Reader:
    """Collects the effects of one statement, and of every statement inside it."""

    def __init__(self, text: str, namespace: str) -> None:
        self.text, self.namespace = text, namespace
        self.effects: list[Effect] = []
        self.reads: set[str] = set()
        self.cascades: set[str] = set()

    def read(self, node: object) -> None:
        """Collect what a part of the tree does, and all below it."""
        if isinstance(node, list):
            for part in node:
                self.read(part)
        elif isinstance(node, dict):
            self._fields(node)
            for key, part in node.items():
                if key[0].isupper():
                    self._node(key, part)
                self.read(part)

    def unknown(self, why: str, cause: Cause = Cause.UNKNOWN) -> None:
        """Note that the statement may do anything."""
        self.effects.append(Effect("unknown", why, cause=cause))

    def outside(self, what: str) -> None:
        """Note that the statement reaches further than Langfuse's own tables."""
        self.effects.append(Effect("outside", what))

    def _fields(self, node: Node) -> None:
        """What is told by fields alone, where the tree leaves a node's name out."""
        if "relname" in node:
            self._qualified([node.get("schemaname"), node["relname"]])
            self.reads.add(node["relname"])
        if "names" in node and "typemod" in node:
            self._qualified(_strings(node["names"]))
        if "pktable" in node:
            self.cascades.add(node["pktable"]["relname"])
        for operator in {"useOp", "operName"} & set(node):
            self.unknown(f"an operator by name ({operator}), which may do anything")
        if node.get("behavior") == "DROP_CASCADE":
            self.unknown("CASCADE takes what depends on it too")
        if "intoClause" in node:
            self._makes("table", node["intoClause"]["rel"])

    def _node(self, kind: str, body: Any) -> None:
        if kind in SIMPLE:
            does, what, named = SIMPLE[kind]
            self.effects.append(Effect(does, what, self._named(body[named])))
        for field in UNKNOWN_WITH.get(kind, frozenset()) & set(body):
            self.unknown(f"{kind} with {field} is not on the list")
        if kind in HANDLERS:
            HANDLERS[kind](self, body)
        elif kind in SIMPLE:
            pass
        elif kind in allowed("postgres", "beyond"):
            self.outside(f"{kind} reaches further than its own tables")
        elif kind not in allowed("postgres", "plain") | allowed("postgres", "keeping"):
            self.unknown(f"{kind} is not on the list")

    def _qualified(self, parts: Sequence[str | None]) -> str:
        """The last part of a name that is only read; notes one of another schema."""
        for schema in parts[:-1]:
            if schema not in {None, self.namespace, *CATALOGS}:
                self.outside(f"names {'.'.join(filter(None, parts))}, outside {self.namespace}")
        return parts[-1] or ""

    def _own(self, parts: Sequence[str | None]) -> str:
        """The last part of a name that is changed, without its schema."""
        if set(parts[:-1]) - {None, self.namespace} or (len(parts) == 1 and str(parts[0]).startswith("pg_")):
            self.outside(f"changes {'.'.join(filter(None, parts))}, outside {self.namespace}")
        return parts[-1] or ""

    def _table(self, relation: Node) -> str:
        return self._own([relation.get("schemaname"), relation["relname"]])

    def _named(self, node: Any) -> str:
        return self._own(_strings(node)) if isinstance(node, list) else self._table(node)

    def _makes(self, what: str, relation: Node) -> None:
        self.effects.append(Effect("makes", what, self._table(relation)))

    def call(self, body: Node) -> None:
        *schema, name = _strings(body["funcname"])
        self._qualified([*schema, name])
        if name == "set_config":
            self.outside("set_config changes what later statements mean")
        elif name not in functions() or not set(schema) <= CATALOGS:
            self.unknown(f"calls {name}(), which may do anything")

    def operator(self, body: Node) -> None:
        *schema, name = _strings(body["name"])
        if schema or (name not in functions() and "BETWEEN" not in name):
            self.unknown(f"operator {name} may do anything")

    def create_as(self, body: Node) -> None:
        self._makes("materialized view" if body["objtype"] == "OBJECT_MATVIEW" else "table", body["into"]["rel"])

    def view(self, body: Node) -> None:
        if body.get("replace"):
            self.effects.append(Effect("takes", "view", self._table(body["view"])))

    def alter(self, body: Node) -> None:
        table = self._table(body["relation"])
        if body["objtype"] not in allowed("postgres", "altered"):
            self.unknown(f"ALTER of {body['objtype']} is not on the list")
        for entry in body["cmds"]:
            self._action(table, entry["AlterTableCmd"])

    def _action(self, table: str, action: Node) -> None:
        kind, column = action["subtype"], action.get("name")
        if kind == "AT_AddColumn":
            new = action["def"]["ColumnDef"]
            self.effects.append(Effect("makes", "column", table, new["colname"]))
        elif kind == "AT_DropColumn":
            self.effects.append(Effect("takes", "column", table, column))
        elif kind == "AT_DropConstraint":
            self.effects.append(Effect("takes", "constraint", table))
        elif kind == "AT_AlterColumnType":
            self._retype(table, str(column), action["def"]["ColumnDef"])
        elif kind not in allowed("postgres", "actions"):
            self.unknown(f"{kind.removeprefix('AT_')} is not on the list of what ALTER TABLE may do")

    def _retype(self, table: str, column: str, definition: Node) -> None:
        target = _type(definition["typeName"])
        value = definition.get("raw_default")
        casts = []
        while value and "TypeCast" in value:
            casts.append(_type(value["TypeCast"]["typeName"]))
            value = value["TypeCast"]["arg"]
        plain = value is None or (_strings(value.get("ColumnRef", {}).get("fields", [])) == [column])
        same_text = plain and casts in ([target], [target, "text"])
        self.effects.append(
            Effect(
                *("takes", "values of column", table, column),
                origin=target if same_text else "",
                type=target if plain and casts in ([], [target]) else "",
            )
        )

    def rename(self, body: Node) -> None:
        kind, new = body["renameType"], body.get("newname", "")
        if kind in {"OBJECT_TYPE", "OBJECT_DOMAIN"}:
            old = self._own(_strings(body["object"]["List"]["items"]))
            self.effects.append(Effect("makes", "type", new, origin=old))
        elif "relation" not in body:
            self.unknown(f"RENAME of {kind} is not on the list")
        elif kind == "OBJECT_COLUMN":
            table, old = self._table(body["relation"]), body["subname"]
            self.effects.append(Effect("takes", "name of column", table, old))
            self.effects.append(Effect("makes", "column", table, new, origin=old))
        elif kind != "OBJECT_TABCONSTRAINT":
            # Postgres renames a table by ALTER INDEX too.
            old = self._table(body["relation"])
            self.effects.append(Effect("takes", "name", old))
            self.effects.append(Effect("makes", "table", new, origin=old))

    def drop(self, body: Node) -> None:
        kind = body["removeType"]
        if kind in allowed("postgres", "beyond_kinds"):
            self.outside(f"DROP of {kind} reaches further than its own tables")
            return
        if kind not in allowed("postgres", "dropped"):
            self.unknown(f"DROP of {kind} is not on the list")
        for entry in body["objects"]:
            name = self._own(_names(entry))
            what = KINDS.get(kind, kind.removeprefix("OBJECT_").lower())
            self.effects.append(Effect("takes", what, name))

    def truncate(self, body: Node) -> None:
        self.effects += [Effect("writes", "table", self._table(entry["RangeVar"])) for entry in body["relations"]]

    def insert(self, body: Node) -> None:
        conflict = body.get("onConflictClause", {})
        if conflict.get("action") == "ONCONFLICT_UPDATE":
            self._writes(self._table(body["relation"]), conflict["targetList"])

    def update(self, body: Node) -> None:
        self._writes(self._table(body["relation"]), body["targetList"])

    def _writes(self, name: str, targets: Sequence[Node]) -> None:
        self.effects += [Effect("writes", "table", name, entry["ResTarget"]["name"]) for entry in targets]

    def sequence(self, body: Node) -> None:
        if {entry["DefElem"]["defname"] for entry in body.get("options", [])} - allowed("postgres", "sequence"):
            self.unknown("changes the next number of a sequence")

    def extension(self, body: Node) -> None:
        for entry in body.get("options", []):
            if entry["DefElem"]["defname"] == "schema":
                self._own([entry["DefElem"]["arg"]["String"]["sval"], body["extname"]])

    def comment(self, body: Node) -> None:
        names = _names(body["object"])
        if body["objtype"] == "OBJECT_COLUMN":
            names = names[:-1]
        self._own([*names, ""] if body["objtype"] in allowed("postgres", "beyond_kinds") else names)

    def setting(self, body: Node) -> None:
        name = body.get("name", "ALL")
        if name in allowed("postgres", "beyond_settings"):
            self.outside(f"SET {name} changes what later statements mean or may do")
        elif name not in allowed("postgres", "settings"):
            self.unknown(f"SET {name} is not on the list")

    def grant(self, body: Node) -> None:
        names = [_names(entry) for entry in body.get("objects", [])]
        schemas = body["targtype"] == "ACL_TARGET_ALL_IN_SCHEMA" or body["objtype"] == "OBJECT_SCHEMA"
        for entry in names:
            self._own([*entry, ""] if schemas else entry)
        given = {entry["AccessPriv"].get("priv_name") for entry in body.get("privileges", [{"AccessPriv": {}}])}
        public = any(entry["RoleSpec"]["roletype"] == "ROLESPEC_PUBLIC" for entry in body["grantees"])
        if not body.get("is_grant") or public or given - allowed("postgres", "privileges"):
            self.unknown("changes who may write here, or gives something to everybody")

    def transaction(self, body: Node) -> None:
        if "ROLLBACK" in body["kind"]:
            self.unknown("takes back what was said before")

    def schema(self, body: Node) -> None:
        self._own([body.get("schemaname"), ""])

    def block(self, body: Node) -> None:
        import pgparse

        options = {entry["DefElem"]["defname"]: entry["DefElem"]["arg"] for entry in body["args"]}
        if options.get("language", {"String": {"sval": "plpgsql"}})["String"]["sval"] != "plpgsql":
            self.unknown("a block in another language than plpgsql")
            return
        try:
            self._plpgsql(pgparse.parse_pgsql(self.text))
        except (pgparse.PGQueryError, UnreadableError, RecursionError, ValueError) as error:
            self.unknown(str(error), Cause.UNREADABLE)

    def _plpgsql(self, node: object) -> None:
        for kind, body in _tagged(node):
            if kind == "PLpgSQL_expr":
                for entry in _parsed(_as_statement(body["query"], body["parseMode"])):
                    self.read(entry["stmt"])
            elif kind.removeprefix("PLpgSQL_") not in allowed("postgres", "block"):
                self.unknown(f"{kind.removeprefix('PLpgSQL_stmt_')} in a block may do anything")


def _tagged(node: object) -> Iterator[tuple[str, Any]]:
    """Every node with a name, at any depth."""
    if isinstance(node, list):
        for part in node:
            yield from _tagged(part)
    elif isinstance(node, dict):
        for key, part in node.items():
            if key[0].isupper():
                yield key, part
            yield from _tagged(part)


def _as_statement(query: str, mode: int) -> str:
    """A piece of a block as a whole statement: it is one, an expression, or an assignment."""
    if mode == 0:
        return query
    return f"SELECT {query}" if mode <= 2 else "SELECT {}, {}".format(*re.split(":?=", query, maxsplit=1))  # noqa: PLR2004


def _strings(nodes: Sequence[Node]) -> list[str]:
    return [node["String"]["sval"] if "String" in node else "*" for node in nodes]


def _names(node: Node) -> list[str]:
    """The parts of a name, in whichever way a statement holds it."""
    [(kind, body)] = node.items()
    match kind:
        case "RangeVar":
            return [*filter(None, [body.get("schemaname")]), body["relname"]]
        case "TypeName":
            return _strings(body["names"])
        case "List":
            return [_names(item)[-1] for item in body["items"]]
        case "String":
            return [str(body["sval"])]
    raise LookupError(kind)


def _type(node: Node) -> str:
    """A type as the server notes it: `varchar(3)`, `text[]`."""
    sizes = [str(entry["A_Const"]["ival"].get("ival", 0)) for entry in node.get("typmods", [])]
    return (
        _strings(node["names"])[-1]
        + (f"({','.join(sizes)})" if sizes else "")
        + "[]" * len(node.get("arrayBounds", []))
    )


SIMPLE: Mapping[str, tuple[Does, str, str]] = {
    "AlterEnumStmt": ("keeps", "data", "typeName"),
    "AlterSeqStmt": ("keeps", "data", "sequence"),
    "CompositeTypeStmt": ("makes", "type", "typevar"),
    "CreateEnumStmt": ("makes", "enum", "typeName"),
    "CreateSeqStmt": ("keeps", "data", "sequence"),
    "CreateStmt": ("makes", "table", "relation"),
    "DeleteStmt": ("writes", "table", "relation"),
    "IndexStmt": ("keeps", "data", "relation"),
    "InsertStmt": ("adds", "rows", "relation"),
    "ViewStmt": ("makes", "view", "view"),
}
"""Statement to what it does, to what kind of object, and the field that names it."""
UNKNOWN_WITH = {
    "AlterEnumStmt": frozenset({"oldVal"}),
    "CreateStmt": frozenset({"inhRelations", "partbound"}),
}
"""Statement to the fields that make it another one."""
HANDLERS: Mapping[str, Callable[[_Reader, Node], None]] = {
    "A_Expr": _Reader.operator,
    "AlterSeqStmt": _Reader.sequence,
    "AlterTableStmt": _Reader.alter,
    "CommentStmt": _Reader.comment,
    "CreateExtensionStmt": _Reader.extension,
    "CreateSchemaStmt": _Reader.schema,
    "CreateTableAsStmt": _Reader.create_as,
    "DoStmt": _Reader.block,
    "DropStmt": _Reader.drop,
    "FuncCall": _Reader.call,
    "GrantStmt": _Reader.grant,
    "InsertStmt": _Reader.insert,
    "RenameStmt": _Reader.rename,
    "TransactionStmt": _Reader.transaction,
    "TruncateStmt": _Reader.truncate,
    "UpdateStmt": _Reader.update,
    "VariableSetStmt": _Reader.setting,
    "ViewStmt": _Reader.view,
}
"""What takes more than a line to say. All other nodes are on a list, or may do anything."""
