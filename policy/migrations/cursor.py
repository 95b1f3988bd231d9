"""Walks over the tokens of one statement, the way shapes are described: word by word, name by name."""

from collections.abc import Sequence

from policy.migrations.lexer import Token
from policy.migrations.model import Dialect


class OutsideError(Exception):
    """The statement names an object in another database or schema; the message is its name."""


class NoShapeError(Exception):
    """The statement has no shape that is known."""


class Cursor:
    """A position in a statement.

    Args:
        tokens: of the statement, without its semicolon.
        dialect: how unquoted names are folded.
        namespace: Langfuse's own database or schema; a name qualified with it is the name alone.
    """

    def __init__(self, tokens: Sequence[Token], dialect: Dialect, namespace: str) -> None:
        self.tokens, self.dialect, self.namespace, self.at = list(tokens), dialect, namespace, 0

    @property
    def rest(self) -> list[Token]:
        """What was not read yet."""
        return self.tokens[self.at :]

    @property
    def words(self) -> list[str]:
        """Words that were not read yet, in capitals."""
        return [token.upper for token in self.rest if token.upper]

    def take(self, *wanted: str) -> bool:
        """Read these words or marks if they are next."""
        here = self.tokens[self.at : self.at + len(wanted)]
        found = [token.upper or (token.text if token.kind == "mark" else "") for token in here]
        if found != list(wanted):
            return False
        self.at += len(wanted)
        return True

    def one_of(self, *choices: str) -> str:
        """Read the first of these choices that is next, each one or more words; empty when none is."""
        return next((choice for choice in choices if self.take(*choice.split())), "")

    def identifier(self) -> str:
        """Read one word or quoted name, folded as the server does.

        Raises:
            NoShapeError: something else is next.
        """
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or token.kind not in {"word", "name"}:
            raise NoShapeError
        self.at += 1
        if token.kind == "name":
            return token.text[1:-1].replace('""', '"')
        return token.text.lower() if self.dialect == "postgres" else token.text

    def name(self) -> str:
        """Read the name of an object of Langfuse's own.

        Raises:
            NoShapeError: there is no name.
            OutsideError: it belongs to another database or schema.
        """
        return self._own(self._dotted())

    def column(self) -> str:
        """Read `table.column` of Langfuse's own; the table's name.

        Raises:
            NoShapeError: there is no such name.
            OutsideError: it belongs to another database or schema.
        """
        *table, _ = self._dotted()
        if not table:
            raise NoShapeError
        return self._own(table)

    def names(self) -> list[str]:
        """Read names with commas between them; raises as `name`."""
        found = [self.name()]
        while self.take(","):
            found.append(self.name())
        return found

    def _dotted(self) -> list[str]:
        parts = [self.identifier()]
        while self.take("."):
            parts.append(self.identifier())
        return parts

    def _own(self, parts: list[str]) -> str:
        if len(parts) > 1 and parts[:-1] != [self.namespace]:
            raise OutsideError(".".join(parts))
        return parts[-1]

    def if_exists(self) -> None:
        """Read IF EXISTS or IF NOT EXISTS, if it is next."""
        self.one_of("IF NOT EXISTS", "IF EXISTS")

    def on_cluster(self) -> None:
        """Read ON CLUSTER, if it is next."""
        if self.dialect == "clickhouse" and self.take("ON", "CLUSTER"):
            self.identifier()

    def bracket(self) -> "Cursor":
        """Read what is in round brackets, if they are next; empty otherwise.

        Raises:
            NoShapeError: they do not close.
        """
        if not self.take("("):
            return Cursor([], self.dialect, self.namespace)
        start, depth = self.at, 1
        while depth:
            if self.at == len(self.tokens):
                raise NoShapeError
            token = self.tokens[self.at]
            depth += (token.text == "(") - (token.text == ")") if token.kind == "mark" else 0
            self.at += 1
        return Cursor(self.tokens[start : self.at - 1], self.dialect, self.namespace)

    def end(self) -> None:
        """Nothing may be left.

        Raises:
            NoShapeError: something is.
        """
        if self.rest:
            raise NoShapeError

    def parts(self) -> "list[Cursor]":
        """What is left, cut at the commas outside of brackets."""
        cut: list[list[Token]] = [[]]
        depth = 0
        for token in self.rest:
            depth += (token.text in {"(", "["}) - (token.text in {")", "]"}) if token.kind == "mark" else 0
            if token.kind == "mark" and token.text == "," and depth == 0:
                cut.append([])
            else:
                cut[-1].append(token)
        return [Cursor(part, self.dialect, self.namespace) for part in cut]
