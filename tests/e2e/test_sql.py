"""SQL is written once, in the subset that SQLite and PostgreSQL share (src/store/db/db.h). A PostgreSQL of the test's own makes every
table and prepares every statement that stands in the source.

The statements are taken from what the preprocessor makes of each file, so whatever is composed of macros is seen whole, and none is
left out because nothing happened to run it. What would be put together only when it runs can't be checked so, and is refused."""
import ast
import os
import re
import subprocess
from pathlib import Path

import pytest

from pombal import binary
from postgresql import Postgresql

ROOT = Path(__file__).resolve().parents[2]
DATABASES = {  # whose tables the statements of these files are about; the longest name counts
    "src/queue/": "queue",
    "src/store/": "store",
    "src/store/bodies/": "bodies",
    "src/auth/": "directory",
    "src/auth/known.c": "known",
    "src/auth/known_spread.c": "known_spread",
}
DRIVERS = "src/store/db/", "src/store/search/"  # the latter is of SQLite's full-text search: another database's would stand beside it
LITERALS = re.compile(r"""'(?:[^'\\]|\\.)*'|(?:"(?:[^"\\]|\\.)*"\s*)+""")
STATEMENT = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH|CREATE (?:UNIQUE )?(?:TABLE|INDEX)|ALTER TABLE|DROP (?:TABLE|INDEX)) ")
PIECE = re.compile(r"\b(FROM|WHERE|VALUES|ORDER BY|RETURNING|ON CONFLICT)\b")
DEFINITION = re.compile(r"\s*(CREATE|ALTER|DROP) ")


def files_with_sql():
    """The source files that speak to a database, without tests and the driver."""
    for path in sorted((ROOT / "src").rglob("*.c")):
        name = str(path.relative_to(ROOT))
        if not name.startswith(DRIVERS) and not name.endswith(("_test.c", "_fuzz.c")) and re.search(r"\bdb_\w+\(|PREPARE\(", path.read_text()):
            yield name


def literals(name):
    """The strings of a file, those next to each other as one."""
    done = subprocess.run(["cc", "-std=gnu17", "-E", "-P", "-Isrc", "-D_GNU_SOURCE", "-DDB_POSTGRESQL", name], cwd=ROOT, check=True,
                          stdout=subprocess.PIPE)
    for found in LITERALS.findall(done.stdout.decode()):
        if found[0] == '"':
            yield ast.literal_eval("(" + found + ")")


def read_sql():
    """(file, text) of every statement."""
    return [(name, text) for name in files_with_sql() for text in literals(name) if STATEMENT.match(text) or PIECE.search(text)]


def database_of(name):
    fitting = [prefix for prefix in DATABASES if name.startswith(prefix)]
    assert fitting, f"{name}: of which database are its statements?"
    return DATABASES[max(fitting, key=len)]


@pytest.fixture(scope="module")
def server():
    own = Postgresql()
    yield own
    own.close()


@pytest.fixture
def psql(server):
    """Runs statements, each for itself: gives PostgreSQL's complaints."""
    return server.run


def test_no_statement_is_put_together_when_it_runs():
    statements = read_sql()
    assert len(statements) > 100
    for name, text in statements:
        assert STATEMENT.match(text), f"{name}: a piece of a statement: {text}"
        assert "%" not in text.replace("'%'", ""), f"{name}: a statement with a place to be filled in: {text}"


def test_every_statement_is_asked_for_as_it_stands():
    """Nothing else is given to the driver: the text is a literal, or a constant's or a table's name."""
    for name in files_with_sql():
        source = (ROOT / name).read_text()
        for call in re.findall(r"\b(?:db_prepare|PREPARE|db_exec)\(([^;]*);", source):
            text = call.split(",", 1)[1].strip()
            assert re.match(r'"|[A-Z_]{4,}\b|[\w>.\[\]-]+\s+\?\s+["A-Z]|\w+\[[^]]*\](\.\w+)?\)|sql\b', text), f"{name}: {call}"


def test_postgresql_takes_every_statement(psql):
    statements = read_sql()
    complaints = ""
    for database in sorted(set(DATABASES.values())):
        own = [(name, text) for name, text in statements if database_of(name) == database]
        makers = {name for name, text in own if "CREATE TABLE" in text}
        assert makers, f"{database} has no tables"
        script = [f"CREATE SCHEMA {database};", f"SET search_path = {database};"]
        script += [text + ";" for name, text in own if name in makers and DEFINITION.match(text)]
        script += ["BEGIN;"] + [text + ";" for name, text in own if name not in makers and DEFINITION.match(text)] + ["ROLLBACK;"]
        script += [f"PREPARE s{number} AS {text};" for number, (name, text) in enumerate(own) if not DEFINITION.match(text)]
        # Numbers are of 64 bits: one that it takes for a smaller one is to be cast.
        script += ["DO $$ DECLARE s RECORD; BEGIN FOR s IN SELECT * FROM pg_prepared_statements WHERE parameter_types::text[] && '{integer,smallint}'"
                   " LOOP RAISE WARNING 'parameters %: %', s.parameter_types, s.statement; END LOOP; END $$;"]
        found = psql(script)
        complaints += f"{database}:\n{found}" if found else ""
    assert not complaints, complaints


def test_postgresql_refuses_what_is_sqlites(psql):
    """The check checks: each of these SQLite takes."""
    for wrong in ("SELECT id FROM message WHERE refs", "INSERT OR REPLACE INTO message (id) VALUES ($1)", "SELECT total(size) FROM message"):
        assert "ERROR" in psql(["SET search_path = queue;", f"PREPARE wrong AS {wrong};"])


@pytest.mark.parametrize("name", [
    "store/db/db",
    "queue/queue", "queue/later", "queue/apart", "queue/outgoing", "queue/habit", "queue/handin", "queue/nodes",
    "auth/directory", "auth/directory_key", "auth/directory_sign_in", "auth/directory_web", "auth/known_spread",
    "store/bodies/bodies",
    "store/account", "store/contact", "store/draft", "store/email", "store/mailbox", "store/message", "store/object", "store/shared", "store/snooze", "store/fsck",
])
def test_with_postgresql(server, name):
    """Unit tests of what is kept in either database, with the other one; those of several nodes (src/queue/nodes_test.c, src/store/shared_test.c) with this one alone."""
    done = subprocess.run([Path(binary()).parent / f"src/{name}_test"], env=dict(os.environ, POMBAL_TEST_DATABASE=server.url()), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
