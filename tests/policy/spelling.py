"""Hostile ways to spell a statement."""

from hypothesis import strategies as st

from policy.migrations.model import Dialect
from tests.policy.judging import statements

SPACES = (" ", "\n", "\t", "\r\n", "\r", "\v", "\f", "\u00a0", "\u200b", "\ufeff", "\u2028", "\u3000", "")
COMMENTS = (
    *("/**/", "/* x */", "/* /* */ */", "/* /* x */", "/*! 1 */", "/*!", "/*+ x */", "-- x\n", "-- x\r", "--\u2028"),
    *("# x\n", "#! x\n", "// x\n", "/*'*/", '/*"*/', "/*`*/", "--'\n", "/*;*/", "--;\n", "/*$$*/"),
)
OTHER_IN_CLICKHOUSE = ("-- x\r", "--\u2028")
"""Comments there end at a newline alone."""
OTHER_IN_POSTGRES = (*(space for space in SPACES if not space.isascii()), "--\u2028")
"""Every character outside ASCII is a letter there."""
QUOTES = ("'", '"', "`", "$$", "$a$", "E'\\'", "U&'", "q'", "\\", "''", "'\\''", '""', "\0", "\x1a")
LOOK_ALIKES = {"A": "\u0410", "E": "\u0395", "O": "\u039f", "T": "\u03a4", "i": "\u0131", "s": "\u017f", "k": "\u212a"}
BEFORE = ("", "SELECT 1;", "CREATE TABLE extra (id int);", "COMMENT ON TABLE extra IS 'x';", "'", "/*", "BEGIN;", ";;")
JUNK = st.sampled_from((*SPACES, *COMMENTS, *QUOTES))


@st.composite
def respelled(draw: st.DrawFn, sql: str, without: tuple[str, ...] = ()) -> str:
    """The same statement with other spaces, comments and letter cases between and in its words.

    Args:
        draw: of Hypothesis.
        sql: the statement.
        without: what this server reads as another statement: comments that it ends elsewhere, letters of names.
    """
    between = tuple(text for text in (*SPACES, *COMMENTS) if text not in without)
    spelled = []
    for word in sql.split(" "):
        change = draw(st.sampled_from(("lower", "upper", "swapcase", "strip")))
        spelled.append(getattr(word, change)() if "'" not in word and '"' not in word and "`" not in word else word)
        spelled.append(" " + draw(st.sampled_from(between)) + draw(st.sampled_from(("", " "))))
    return (
        draw(st.sampled_from(BEFORE)) + "".join(spelled) + draw(st.sampled_from(("", ";", ";;", "; SELECT 1", " --")))
    )


def disguises(sql: str) -> dict[str, str]:
    """A statement with characters that look like its own, or like nothing."""
    first = next((at for at, letter in enumerate(sql) if letter in LOOK_ALIKES), None)
    return {
        "look-alike": sql if first is None else sql[:first] + LOOK_ALIKES[sql[first]] + sql[first + 1 :],
        "zero width": sql[:2] + "\u200b" + sql[2:],
        "mark": "\ufeff" + sql,
        "case": "{}{}{}".format(sql.partition(" ")[0].lower(), *sql.partition(" ")[1:]),
    }


@st.composite
def dropped_amid_junk(draw: st.DrawFn) -> tuple[str, str]:
    """Junk, and a file in which a statement that drops a table stands behind it."""
    junk = draw(st.lists(JUNK, max_size=4).map("".join))
    drop = draw(st.sampled_from(("DROP TABLE traces", "drop/**/table traces", "DROP TABLE langfuse . traces")))
    return junk, f"{junk};{drop};{draw(st.lists(JUNK, max_size=2).map(''.join))}"


@st.composite
def destructive_among_additive(draw: st.DrawFn, dialect: Dialect) -> str:
    """A file with one destructive statement, and additive ones around it."""
    harmless = st.lists(st.sampled_from(statements(dialect, "additive")), max_size=3)
    parts = [*draw(harmless), draw(st.sampled_from(statements(dialect, "destructive"))), *draw(harmless)]
    return ";\n".join(parts)


def any_text() -> st.SearchStrategy[str]:
    """Whatever somebody may write into a file."""
    words = st.sampled_from(("DROP ", "TABLE ", "traces", "(", ")", ",", ";", "."))
    return st.lists(st.one_of(JUNK, st.text(max_size=6), words)).map("".join)
