"""psycopg 3."""

import datetime
import decimal
import math
import random
import struct
import threading
import time

import psycopg
import psycopg.rows
import psycopg.sql
import psycopg_pool
from check import ENDLESS, URL, WRITES, equal, fails, run
from psycopg import errors
from values import COMMON, FROM, OURS

IS_OURS = "netsky" in psycopg.connect(URL).execute("SELECT version()").fetchone()[0]
UTC = datetime.timezone.utc


def connect(**options):
    return psycopg.connect(URL, **options)


def one(connection, sql, parameters=None, **options):
    return connection.execute(sql, parameters, **options).fetchone()


def check_facts_of_the_connection():
    with connect(application_name="check") as connection:
        info = connection.info
        assert info.server_version >= 120000, info.server_version
        equal(info.parameter_status("TimeZone"), "UTC")
        equal(info.parameter_status("server_encoding"), "UTF8")
        equal(info.parameter_status("client_encoding"), "UTF8")
        equal(info.parameter_status("standard_conforming_strings"), "on")
        equal(info.parameter_status("integer_datetimes"), "on")
        equal(info.encoding, "utf-8")
        equal(one(connection, "SELECT current_database(), current_schema()"), ("netsky", "public"))
        equal(one(connection, "SHOW application_name"), ("check",))
        assert info.backend_pid > 0


def check_text_of_every_type():
    with connect(autocommit=True) as connection:
        wrong = []
        for sql, expected in COMMON + (OURS if IS_OURS else []):
            try:
                cursor = connection.execute(f"SELECT {sql} AS value{FROM}" + (" GROUP BY id" if "count(" in sql else ""))
                found = cursor.pgresult.get_value(0, 0)
                if expected is None and sql != "NULL":
                    assert found is not None
                    continue
                if found != (None if expected is None else expected.encode()):
                    wrong.append(f"{sql[:80]}: {found[:200]!r}, not {expected[:200]!r} (type {cursor.description[0].type_code})")
            except Exception as error:
                wrong.append(f"{sql[:80]}: {error}")
        assert not wrong, "\n".join(wrong)


def check_binary_is_the_same_as_text_for_every_type():
    with connect(autocommit=True) as connection:
        wrong = []
        for sql, _ in COMMON + (OURS if IS_OURS else []):
            found = []
            for binary in [False, True]:
                try:
                    cursor = connection.cursor(binary=binary)
                    found.append((cursor.execute(f"SELECT {sql} AS value{FROM}" + (" GROUP BY id" if "count(" in sql else "")).fetchone()[0], cursor.description[0].type_code))
                except Exception as error:
                    found.append(f"{error!r}")
            if found[0][1] == 700:
                # The text of a `real` has fewer digits.
                found = [(struct.pack("f", value), code) for value, code in found]
            if found[0] != found[1] and str(found[0]) != str(found[1]):
                wrong.append(f"{sql[:80]}: text {str(found[0])[:200]} binary {str(found[1])[:200]}")
        assert not wrong, "\n".join(wrong)


def check_types_in_python():
    for binary in [False, True]:
        with connect() as connection:
            row = connection.cursor(binary=binary).execute(
                "SELECT id, ts_utc, body, chat_id, id > 5 AS big, id / 4.0 AS quarter, CAST(ts_utc AS date) AS day,"
                " ts_utc - ts_utc AS none FROM messages WHERE id = 3").fetchone()
            equal(row[0], 3)
            equal(row[1], datetime.datetime(2026, 4, 15, 0, 3, tzinfo=UTC))
            equal(row[2:5], ("message 3", None, False))
            equal(float(row[5]), 0.75)
            equal(row[6:], (datetime.date(2026, 4, 15), datetime.timedelta(0)))
            body = connection.cursor(binary=binary).execute("SELECT body FROM messages WHERE id <= 2 ORDER BY id").fetchall()
            equal(body, [('naïve 🦀 "quoted" \\ back\ttab\nline',), ("",)])


def check_parameters_of_every_type():
    time_zone = datetime.timezone(datetime.timedelta(hours=2))
    values = [
        1, -(2**15), 2**31 - 1, -(2**63), True, False, 0.1, -1e300, "text", "", "naïve 🦀 ' \\ \" $1 %", b"\x00\xff\\", b"",
        decimal.Decimal("1.50"), decimal.Decimal("-12345678901234567890.000001"), datetime.date(2026, 4, 15), datetime.date(1, 1, 1),
        datetime.datetime(2026, 4, 15, 12, 34, 56, 789012), datetime.datetime(1969, 12, 31, 23, 59, 59, 999999),
        datetime.datetime(2026, 4, 15, 12, 34, 56, 789000, tzinfo=UTC), datetime.datetime(2026, 4, 15, 12, tzinfo=time_zone),
        datetime.time(12, 34, 56, 789000), datetime.timedelta(days=-1, seconds=5, microseconds=6), datetime.timedelta(0),
        [1, 2, 3], ["a", "b,c", ""], [0.5, -1.5], [True], [datetime.date(2026, 4, 15)],
        [datetime.datetime(2026, 4, 15, tzinfo=UTC)],
    ]
    wrong = []
    with connect(autocommit=True) as connection:
        for value in values:
            for place in ["%s", "%b", "%t"]:
                for binary in [False, True]:
                    try:
                        # psycopg leaves the type of such a list to the server.
                        cast = "::text[]" if value and isinstance(value, list) and isinstance(value[0], str) else ""
                        found = connection.cursor(binary=binary).execute(f"SELECT {place}{cast} AS value", [value]).fetchone()[0]
                        if found != value:
                            wrong.append(f"{value!r} {place} binary={binary}: {found!r}")
                    except Exception as error:
                        wrong.append(f"{value!r} {place} binary={binary}: {error}")
        equal(one(connection, "SELECT %s::bigint, %s::text, %s", [None, None, None]), (None, None, None))
        for value in [math.nan, math.inf, -math.inf]:
            equal(str(one(connection, "SELECT %s", [value])[0]), str(value))
    assert not wrong, "\n".join(wrong)


def check_parameters_in_conditions():
    at = datetime.datetime(2026, 4, 15, 1, tzinfo=UTC)
    cases = [
        ("id = %s", [7], 1),
        ("id = %s", [decimal.Decimal(7)], 1),
        ("id < %s", [7.5], 7),
        ("id BETWEEN %s AND %s", [3, 5], 3),
        ("id IN (%s, %s)", [3, 5000], 1),
        ("id = ANY(%s)", [[1, 2, 5000]], 2),
        ("id = ANY(%s)", [[]], 0),
        ("id <> ALL(%s)", [[1, 2]], 998),
        ("source = ANY(%s)", [["agent", "email", "none"]], 667),
        ("NOT source = ANY(%s)", [["agent"]], 667),
        ("source = %s", ["agent"], 333),
        ("source LIKE %s", ["a%"], 333),
        ("source ILIKE %s", ["A%"], 333),
        ("body LIKE %s", ["%🦀%"], 1),
        ("chat_id IS NOT DISTINCT FROM %s", [None], 750),
        ("(%s::text IS NULL OR source = %s)", [None, None], 1000),
        ("ts_utc >= %s", [at], 941),
        ("ts_utc >= %s", [at.replace(tzinfo=None)], 941),
        ("ts_utc >= %s", ["2026-04-15T01:00:00Z"], 941),
        ("ts_utc >= %s::timestamptz", ["2026-04-15T01:00:00Z"], 941),
        ("ts_utc < %s", [datetime.date(2026, 4, 16)], 1000),
        ("ts_utc > now() - %s", [datetime.timedelta(days=36500)], 1000),
        ("ts_utc + %s > %s", [datetime.timedelta(hours=1), at + datetime.timedelta(hours=1)], 940),
        ("CAST(ts_utc AS date) = %s", [datetime.date(2026, 4, 15)], 1000),
        ("date_trunc(%s, ts_utc) = %s", ["hour", at], 60),
        ("length(body) > %s", [8], 999 - 0),
        ("id %% %s = 0", [2], 500),
        ("coalesce(chat_id, %s) = %s", ["none", "none"], 750),
        ("CASE WHEN id > %s THEN %s ELSE %s END = 'high'", [500, "high", "low"], 500),
    ]
    wrong = []
    with connect(autocommit=True) as connection:
        for condition, parameters, expected in cases:
            # psycopg declares a text in binary as such, and PostgreSQL compares it with no time.
            for binary in ["%s", "%b"] if parameters != ["2026-04-15T01:00:00Z"] else ["%s"]:
                sql = f"SELECT count(*) FROM messages WHERE {condition}".replace("%s", binary)
                if condition.startswith("length"):
                    expected = one(connection, "SELECT count(*) FROM messages WHERE length(body) > 8")[0]
                try:
                    found = one(connection, sql, parameters)[0]
                    if found != expected:
                        wrong.append(f"{condition} {parameters} {binary}: {found}, not {expected}")
                except Exception as error:
                    wrong.append(f"{condition} {parameters} {binary}: {error}")
        equal(connection.execute("SELECT id FROM messages ORDER BY id LIMIT %s OFFSET %s", [2, 10]).fetchall(), [(11,), (12,)])
        equal(connection.execute("SELECT id FROM messages WHERE id > %s ORDER BY id FETCH FIRST 1 ROW ONLY", [10]).fetchall(), [(11,)])
        equal(connection.execute("SELECT source, count(*) FROM messages WHERE id <= %(n)s GROUP BY source HAVING count(*) > %(m)s ORDER BY 1", {"n": 10, "m": 3}).fetchall(), [("email", 4)])
        equal(one(connection, "SELECT %s + 1, %s || 'b', upper(%s)", [1, "a", "c"]), (2, "ab", "C"))
        equal(one(connection, "SELECT $1::int + $1::int, $2::text".replace("$1", "%(a)s").replace("$2", "%(b)s"), {"a": 2, "b": "x"}), (4, "x"))
    assert not wrong, "\n".join(wrong)


def check_row_factories_and_names():
    with connect(row_factory=psycopg.rows.dict_row) as connection:
        equal(one(connection, "SELECT 1 AS a, 'x' AS \"B c\""), {"a": 1, "B c": "x"})
        names = [column.name for column in connection.execute("SELECT count(*), sum(id), max(ts_utc), 1, 'a', id::text, id::text, lower(source) FROM messages GROUP BY id, source LIMIT 0").description]
        equal(names, ["count", "sum", "max", "?column?", "?column?", "id", "id", "lower"])
    with connect() as connection:
        query = psycopg.sql.SQL("SELECT {} FROM {} WHERE {} = {}").format(
            psycopg.sql.Identifier("body"), psycopg.sql.Identifier("public", "messages"), psycopg.sql.Identifier("id"), psycopg.sql.Literal(3))
        equal(one(connection, query), ("message 3",))
        equal(one(connection, "SELECT a.id, b.id FROM messages a JOIN messages b ON a.id = b.id WHERE a.id = 1"), (1, 1))
        equal(connection.execute("").statusmessage, None)
        equal(connection.execute("SELECT id FROM messages WHERE id < 4").statusmessage, "SELECT 3")
        equal(connection.execute("SELECT id FROM messages WHERE id < 4").rowcount, 3)
        equal(connection.execute("-- only a comment").statusmessage, None)


def check_several_statements():
    with connect(autocommit=True) as connection:
        cursor = connection.execute("SELECT 1; SELECT 'two', 2;; SELECT 3 WHERE false")
        equal(cursor.fetchall(), [(1,)])
        assert cursor.nextset()
        equal(cursor.fetchall(), [("two", 2)])
        while cursor.nextset():
            pass
        equal(cursor.rowcount, 0)
        error = fails(errors.UndefinedTable, lambda: connection.execute("SELECT 1; SELECT * FROM absent; SELECT 2"))
        assert "absent" in str(error)
        cursor = connection.cursor()
        cursor.executemany("SELECT %s + 1", [[1], [2], [3]], returning=True)
        found = [cursor.fetchone()[0]]
        while cursor.nextset():
            found.append(cursor.fetchone()[0])
        equal(found, [2, 3, 4])


def check_errors_have_their_code():
    cases = [
        ("SELECT * FROM absent", errors.UndefinedTable),
        ("SELECT absent FROM messages", errors.UndefinedColumn),
        ("SELEC 1", errors.SyntaxError),
        ("SELECT (1", errors.SyntaxError),
        ("SELECT 'a", errors.SyntaxError),
        ("SELECT absent(1)", errors.UndefinedFunction),
        ("SELECT 1 / (id - id) FROM messages", errors.DivisionByZero),
        ("SELECT CAST(body AS bigint) FROM messages WHERE id = 3", errors.InvalidTextRepresentation),
        ("SELECT CAST(id + 100000 AS smallint) FROM messages", errors.NumericValueOutOfRange),
        ("SELECT a.id FROM messages a, messages b WHERE id = 1", errors.AmbiguousColumn),
        ("SELECT source, id FROM messages GROUP BY source", errors.GroupingError),
        ("SELECT now() AT TIME ZONE 'absent'", errors.InvalidParameterValue),
        ("FETCH 1 FROM absent", errors.InvalidCursorName),
        ("DEALLOCATE absent", errors.InvalidSqlStatementName),
        ("SHOW absent", errors.UndefinedObject),
    ]
    wrong = []
    with connect(autocommit=True) as connection:
        for sql, expected in cases:
            for prepare in [False, True]:
                try:
                    rows = connection.execute(sql, prepare=prepare).fetchall()
                    wrong.append(f"{sql}: {rows[:3]}")
                except expected as error:
                    assert error.diag.severity == "ERROR" and error.diag.message_primary, sql
                except Exception as error:
                    wrong.append(f"{sql}: {error.sqlstate} {error!r}")
        equal(one(connection, "SELECT 1"), (1,))
        if IS_OURS:
            # It is another operator here.
            fails(errors.FeatureNotSupported, lambda: connection.execute("SELECT 2 ^ 3"))
        error = fails(errors.UndefinedColumn, lambda: connection.execute("SELECT 1,\n absent FROM messages"))
        equal(error.diag.statement_position, "12", "position")
    assert not wrong, "\n".join(wrong)


def check_writes_are_refused():
    wrong = []
    with connect(autocommit=True) as connection:
        for sql in WRITES:
            for prepare in [False, True]:
                try:
                    connection.execute(sql, prepare=prepare)
                    wrong.append(f"{sql}: no error")
                except errors.ReadOnlySqlTransaction:
                    pass
                except Exception as error:
                    wrong.append(f"{sql}: {error.sqlstate} {error!r}")
        fails(errors.ReadOnlySqlTransaction, lambda: connection.execute("SELECT 1; DELETE FROM messages"))
        if IS_OURS:
            for sql in ["SET transaction_read_only = off", "SET default_transaction_read_only = off", "BEGIN READ WRITE"]:
                try:
                    connection.execute(sql)
                except psycopg.Error:
                    pass
                fails(psycopg.Error, lambda: connection.execute("DELETE FROM messages"))
                connection.execute("ROLLBACK")
        equal(one(connection, "SELECT count(*) FROM messages"), (1000,))
    assert not wrong, "\n".join(wrong)


def check_transactions():
    with connect() as connection:
        status = psycopg.pq.TransactionStatus
        equal(connection.info.transaction_status, status.IDLE)
        equal(one(connection, "SELECT 1"), (1,))
        equal(connection.info.transaction_status, status.INTRANS)
        fails(errors.UndefinedTable, lambda: connection.execute("SELECT * FROM absent"))
        equal(connection.info.transaction_status, status.INERROR)
        fails(errors.InFailedSqlTransaction, lambda: connection.execute("SELECT 1"))
        connection.rollback()
        equal(connection.info.transaction_status, status.IDLE)
        with connection.transaction():
            one(connection, "SELECT 1")
            with fails_inside(errors.UndefinedTable), connection.transaction("inner"):
                connection.execute("SELECT * FROM absent")
            equal(one(connection, "SELECT 2"), (2,))
            with connection.transaction():
                one(connection, "SELECT 3")
        equal(connection.info.transaction_status, status.IDLE)
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.deferrable = True
        equal(one(connection, "SELECT 4"), (4,))
        equal(one(connection, "SHOW transaction_read_only"), ("on",))
        connection.commit()
        connection.autocommit = True
        for sql in ["BEGIN", "SAVEPOINT a", "RELEASE SAVEPOINT a", "SAVEPOINT b", "ROLLBACK TO SAVEPOINT b", "END", "START TRANSACTION READ ONLY", "ABORT", "BEGIN; COMMIT"]:
            connection.execute(sql)
        equal(connection.info.transaction_status, status.IDLE)
        connection.execute("BEGIN")
        fails(errors.InvalidSavepointSpecification, lambda: connection.execute("ROLLBACK TO absent"))
        equal(connection.execute("COMMIT").statusmessage, "ROLLBACK")
        fails(errors.NoActiveSqlTransaction, lambda: connection.execute("SAVEPOINT outside"))


class fails_inside:
    def __init__(self, error):
        self.error = error

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert kind and issubclass(kind, self.error), error
        return True


def check_server_cursors():
    with connect() as connection:
        for binary in [False, True]:
            with connection.cursor("rows", binary=binary) as cursor:
                cursor.execute("SELECT id, body FROM messages WHERE id > %s ORDER BY id", [10])
                equal(cursor.fetchone(), (11, "message 11"))
                equal([row[0] for row in cursor.fetchmany(3)], [12, 13, 14])
                cursor.scroll(5)
                equal(cursor.fetchone(), (20, "message 20"))
                equal(cursor.description[0].name, "id")
                equal(len(cursor.fetchall()), 980)
                equal(cursor.fetchall(), [])
        with connection.cursor("many") as cursor:
            cursor.itersize = 70
            cursor.execute("SELECT id FROM messages ORDER BY id")
            equal(sum(row[0] for row in cursor), 500500)
        # Two at once, and a query between.
        with connection.cursor("a") as a, connection.cursor("b") as b:
            a.execute("SELECT id FROM messages ORDER BY id")
            b.execute("SELECT id FROM messages ORDER BY id DESC")
            equal((a.fetchone(), b.fetchone(), one(connection, "SELECT 1"), a.fetchone(), b.fetchone()), ((1,), (1000,), (1,), (2,), (999,)))
        fails(errors.UndefinedTable, lambda: connection.cursor("wrong").execute("SELECT * FROM absent"))
        connection.rollback()
        with connection.cursor("held", withhold=True) as cursor:
            cursor.execute("SELECT id FROM messages ORDER BY id")
            equal(cursor.fetchone(), (1,))
            connection.commit()
            equal(cursor.fetchone(), (2,))
        connection.rollback()
        connection.autocommit = True
        fails(errors.NoActiveSqlTransaction, lambda: connection.execute("DECLARE c CURSOR FOR SELECT 1"))
        connection.execute("BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT id FROM messages ORDER BY id")
        equal(connection.execute("FETCH FORWARD 2 FROM c").fetchall(), [(1,), (2,)])
        equal(connection.execute("FETCH NEXT FROM c").statusmessage, "FETCH 1")
        equal(connection.execute("MOVE 10 IN c").statusmessage, "MOVE 10")
        equal(connection.execute("FETCH c").fetchall(), [(14,)])
        equal(connection.execute("FETCH ALL IN c").rowcount, 986)
        connection.execute("CLOSE c")
        fails(errors.InvalidCursorName, lambda: connection.execute("FETCH c"))
        connection.execute("ROLLBACK")


def check_cursors_that_are_left_open():
    for _ in range(20):
        connection = connect()
        cursor = connection.cursor("left")
        cursor.execute("SELECT a.id FROM messages a, messages b")
        cursor.fetchone()
        connection.close()
    with connect() as connection:
        for number in range(5):
            connection.cursor(f"c{number}").execute("SELECT a.id FROM messages a, messages b")
        connection.commit()
        equal(one(connection, "SELECT 1"), (1,))


def check_copy():
    with connect(autocommit=True) as connection:
        cursor = connection.cursor()
        with cursor.copy("COPY (SELECT id, body, chat_id FROM messages WHERE id <= 4 ORDER BY id) TO STDOUT") as copy:
            data = b"".join(bytes(part) for part in copy)
        equal(data.decode(), '1\tnaïve 🦀 "quoted" \\\\ back\\ttab\\nline\t\\N\n2\t\t\\N\n3\tmessage 3\t\\N\n4\tmessage 4\tc4\n')
        with cursor.copy("COPY (SELECT id, body, chat_id FROM messages WHERE id <= 4 ORDER BY id) TO STDOUT") as copy:
            copy.set_types(["int8", "text", "text"])
            equal(list(copy.rows())[3], (4, "message 4", "c4"))
        with cursor.copy("COPY (SELECT id, body, chat_id, ts_utc, id > 2 FROM messages WHERE id <= 4 ORDER BY id) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "text", "text", "timestamptz", "bool"])
            rows = list(copy.rows())
        equal(rows[0][:3], (1, 'naïve 🦀 "quoted" \\ back\ttab\nline', None))
        equal(rows[3], (4, "message 4", "c4", datetime.datetime(2026, 4, 15, 0, 4, tzinfo=UTC), True))

        def text(sql):
            with cursor.copy(sql) as copy:
                return b"".join(bytes(part) for part in copy).decode()

        equal(text("COPY (SELECT id, body, chat_id FROM messages WHERE id IN (1, 2, 4) ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)"),
              'id,body,chat_id\n1,"naïve 🦀 ""quoted"" \\ back\ttab\nline",\n2,"",\n4,message 4,c4\n')
        equal(text("COPY (SELECT 1, NULL, 'a;b') TO STDOUT WITH (FORMAT csv, DELIMITER ';', NULL 'none', QUOTE '''', FORCE_QUOTE *)"), "'1';none;'a;b'\n")
        equal(text("COPY (SELECT 1, NULL) TO STDOUT WITH (DELIMITER '|', NULL '')"), "1|\n")
        equal(text("COPY (SELECT 1, NULL) TO STDOUT WITH CSV HEADER").splitlines()[1], "1,")
        equal(text("COPY (VALUES (1, true), (2, false)) TO STDOUT"), "1\tt\n2\tf\n")
        equal(text("COPY (SELECT id FROM messages WHERE false) TO STDOUT"), "")
        equal(len(text("COPY messages TO STDOUT").splitlines()), 1000)
        equal(text("COPY messages (id, source) TO STDOUT").splitlines()[0], "1\temail")
        equal(text("COPY (SELECT ARRAY['a b', 'c\\d'], decode('00ff', 'hex')) TO STDOUT"), '{"a b","c\\\\\\\\d"}\t\\\\x00ff\n')
        fails(errors.UndefinedTable, lambda: text("COPY absent TO STDOUT"))
        fails(errors.SyntaxError, lambda: text("COPY (SELEC 1) TO STDOUT"))
        if IS_OURS:
            fails(psycopg.Error, lambda: connection.execute("COPY messages TO '/tmp/netsky-copied'"))
            fails(psycopg.Error, lambda: connection.execute("COPY messages TO PROGRAM 'cat'"))
        fails(errors.DivisionByZero, lambda: text("COPY (SELECT 1 / (id - 900) FROM messages) TO STDOUT"))
        equal(one(connection, "SELECT 1"), (1,))


def check_prepared():
    with connect(autocommit=True, prepare_threshold=2) as connection:
        for number in range(10):
            equal(one(connection, "SELECT body FROM messages WHERE id = %s", [number + 3]), (f"message {number + 3}",))
        for number in range(3):
            equal(one(connection, "SELECT count(*) FROM messages WHERE source = %s AND ts_utc > now() - %s", ["agent", datetime.timedelta(days=36500)], prepare=True), (333,))
        # The same text with other types is another statement.
        equal(one(connection, "SELECT %s", [1], prepare=True), (1,))
        equal(one(connection, "SELECT %s", ["a"], prepare=True), ("a",))
        equal(one(connection, "SELECT %s", [None], prepare=True), (None,))
        names = connection.execute("SELECT name FROM pg_prepared_statements").fetchall()
        assert len(names) >= 3 or IS_OURS, names
        connection.execute("DEALLOCATE ALL")
        connection._prepared.clear()
        connection.execute("DISCARD ALL")


def check_pipeline():
    with connect(autocommit=True) as connection:
        with connection.pipeline() as pipeline:
            cursors = [connection.execute("SELECT id FROM messages WHERE id = %s", [number]) for number in range(1, 31)]
            equal([cursor.fetchone()[0] for cursor in cursors], list(range(1, 31)))
            pipeline.sync()
            with fails_inside(errors.UndefinedTable):
                connection.execute("SELECT * FROM absent").fetchone()
        with fails_inside(errors.UndefinedColumn), connection.pipeline():
            connection.execute("SELECT 1")
            connection.execute("SELECT absent FROM messages")
            connection.execute("SELECT 2")
        equal(one(connection, "SELECT 3"), (3,))
        with connection.pipeline(), connection.transaction():
            first = connection.execute("SELECT 1")
            second = connection.execute("SELECT 2")
            equal((first.fetchone(), second.fetchone()), ((1,), (2,)))


def check_stream():
    with connect(autocommit=True) as connection:
        equal(sum(row[0] for row in connection.cursor().stream("SELECT id FROM messages")), 500500)
        if psycopg.capabilities.has_stream_chunked():
            equal(sum(row[0] for row in connection.cursor(binary=True).stream("SELECT id FROM messages", size=99)), 500500)
        # Given up after the first row.
        for row in connection.cursor().stream("SELECT a.id FROM messages a, messages b, messages c"):
            break
    with connect(autocommit=True) as connection:
        rows = connection.cursor(binary=True).execute("SELECT a.id, b.body FROM messages a, messages b WHERE a.id <= 100").fetchall()
        equal(len(rows), 100000)
        equal(sum(row[0] for row in rows), 5050 * 1000)


def check_cancel():
    with connect(autocommit=True) as connection:
        for cancel in [connection.cancel_safe, connection.cancel]:
            started = time.monotonic()
            threading.Timer(0.3, cancel).start()
            error = fails(errors.QueryCanceled, lambda: connection.execute(ENDLESS), sqlstate="57014")
            assert "user request" in str(error), error
            assert time.monotonic() - started < 30
            equal(one(connection, "SELECT 1"), (1,))
        # While nothing runs.
        connection.cancel()
        time.sleep(0.1)
        equal(one(connection, "SELECT 1"), (1,))
        threading.Timer(0.3, connection.cancel_safe).start()
        fails(errors.QueryCanceled, lambda: connection.execute("BEGIN; DECLARE c CURSOR FOR " + ENDLESS + "; FETCH c"))
        connection.execute("ROLLBACK")


def check_timeout():
    with connect(autocommit=True, options="-c statement_timeout=300") as connection:
        equal(one(connection, "SHOW statement_timeout"), ("300ms",))
        error = fails(errors.QueryCanceled, lambda: connection.execute(ENDLESS))
        assert "statement timeout" in str(error), error
        connection.execute("SET statement_timeout = '1min'")
        equal(one(connection, "SHOW statement_timeout"), ("1min",))
        connection.execute("RESET statement_timeout")
        equal(one(connection, "SELECT set_config('statement_timeout', '200ms', false)"), ("200ms",))
        fails(errors.QueryCanceled, lambda: connection.execute(ENDLESS))
        connection.execute("SET statement_timeout TO DEFAULT")
        connection.execute("BEGIN")
        connection.execute("SET LOCAL statement_timeout = 200")
        fails(errors.QueryCanceled, lambda: connection.execute(ENDLESS))
        connection.execute("ROLLBACK")
        equal(one(connection, "SHOW statement_timeout"), ("300ms",))


def check_settings():
    with connect(autocommit=True) as connection:
        connection.execute("SET application_name = 'other'")
        equal(one(connection, "SHOW application_name"), ("other",))
        equal(connection.info.parameter_status("application_name"), "other")
        connection.execute("SET client_encoding = 'UTF8'")
        connection.execute("SET datestyle = 'ISO, MDY'")
        connection.execute("SET extra_float_digits = 3")
        connection.execute("SET search_path = public")
        connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        connection.execute("SET TIME ZONE 'UTC'")
        equal(one(connection, "SHOW TimeZone"), ("UTC",))
        equal(one(connection, "SHOW search_path"), ("public",))
        assert "public" in one(connection, "SELECT current_setting('search_path')")[0]
        equal(one(connection, "SHOW server_version_num")[0][:1], "1")
        assert len(connection.execute("SHOW ALL").fetchall()) > 5
        if IS_OURS:
            fails(errors.FeatureNotSupported, lambda: connection.execute("SET TIME ZONE 'Europe/Berlin'"))


def check_pool():
    with psycopg_pool.ConnectionPool(URL, min_size=2, max_size=4, open=True, check=psycopg_pool.ConnectionPool.check_connection,
                                     reset=lambda connection: connection.execute("DISCARD ALL") and connection.commit() if connection.autocommit else None) as pool:
        for number in range(20):
            with pool.connection() as connection:
                if number % 5 == 0:
                    fails(errors.UndefinedTable, lambda: connection.execute("SELECT * FROM absent"))
                    connection.rollback()
                equal(one(connection, "SELECT %s", [number]), (number,))
        found = []

        def work(number):
            with pool.connection() as connection:
                found.append(one(connection, "SELECT sum(id) FROM messages WHERE id <= %s", [number])[0])

        threads = [threading.Thread(target=work, args=[number]) for number in range(1, 13)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        equal(sorted(int(sum) for sum in found), sorted(number * (number + 1) // 2 for number in range(1, 13)))


def check_random_bytes_of_text():
    dice = random.Random(7)
    with connect(autocommit=True) as connection:
        for _ in range(50):
            text = "".join(chr(dice.choice([dice.randrange(1, 128), dice.randrange(0x80, 0xD800), dice.randrange(0x10000, 0x110000)])) for _ in range(dice.randrange(40)))
            equal(one(connection, "SELECT %s", [text]), (text,))
            equal(one(connection, f"SELECT {psycopg.sql.quote(text)}"), (text,))


def check_types_are_looked_up():
    with connect(autocommit=True) as connection:
        equal(psycopg.types.TypeInfo.fetch(connection, "hstore"), None)
        equal(psycopg.types.TypeInfo.fetch(connection, "int8").oid, 20)
        equal(psycopg.types.TypeInfo.fetch(connection, "text").array_oid, 1009)
        equal(psycopg.types.enum.EnumInfo.fetch(connection, "absent"), None)


def check_login():
    wrong = URL.replace("//", "//other:wrong@") if "@" not in URL else URL[: URL.index("//") + 2] + "other:wrong@" + URL[URL.index("@") + 1 :]
    if IS_OURS:
        error = fails(psycopg.OperationalError, lambda: psycopg.connect(wrong))
        assert "password" in str(error), error
        with psycopg.connect(URL.replace("//netsky:", "//anybody:")) as connection:
            equal(one(connection, "SELECT 1"), (1,))


run(globals())
