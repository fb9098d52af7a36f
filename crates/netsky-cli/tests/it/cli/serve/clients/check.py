"""Runs the functions whose names begin with `check_`, and says which failed: SCRIPT URL [NAME]."""

import faulthandler
import sys
import traceback

URL = sys.argv[1]

# More rows than any machine counts during a test.
ENDLESS = "SELECT count(*) FROM messages a, messages b, messages c, messages d WHERE a.id + b.id + c.id + d.id < 0"

WRITES = [
    "INSERT INTO ticks (source) VALUES ('x')",
    "UPDATE messages SET body = ''",
    "DELETE FROM messages",
    "TRUNCATE messages",
    "DROP TABLE messages",
    "CREATE TABLE more (a bigint)",
    "CREATE TABLE more AS SELECT 1 AS a",
    "CREATE VIEW more AS SELECT 1 AS a",
    "ALTER TABLE messages ADD COLUMN more text",
    "SELECT * INTO more FROM messages",
    "GRANT SELECT ON messages TO PUBLIC",
    "COMMENT ON TABLE messages IS 'x'",
    "COPY messages FROM STDIN",
    "WITH gone AS (DELETE FROM messages RETURNING id) SELECT * FROM gone",
]


def run(scope, main=None):
    checks = [(name, check) for name, check in scope.items() if name.startswith("check_")]
    checks = [(name, check) for name, check in checks if sys.argv[2:] in ([], [name])]
    failed = []
    for name, check in checks:
        # If it hangs, its place is printed.
        faulthandler.dump_traceback_later(100, exit=True)
        try:
            main(check()) if main else check()
        except BaseException:
            failed.append(name)
            print(f"--- {name}", *traceback.format_exc().splitlines()[1:], sep="\n", flush=True)
    print(f"{len(checks) - len(failed)} passed, {len(failed)} failed", *failed)
    sys.exit(bool(failed) or not checks)


def fails(error, call, **expected):
    """Calls what must fail, and returns the error."""
    try:
        result = call()
    except error as raised:
        for name, value in expected.items():
            assert getattr(raised, name) == value, f"{name} {getattr(raised, name)}, not {value}: {raised}"
        return raised
    raise AssertionError(f"no {error} but {result}")


def equal(found, expected, what=""):
    assert found == expected, f"{what}: {found!r}, not {expected!r}"
