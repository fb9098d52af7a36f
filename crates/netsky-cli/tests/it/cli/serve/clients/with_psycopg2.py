"""psycopg2."""

import datetime
import decimal
import io
import threading

import psycopg2
import psycopg2.errorcodes
import psycopg2.extras
import psycopg2.pool
import psycopg2.sql
from check import ENDLESS, URL, WRITES, equal, fails, run
from psycopg2 import errors
from values import COMMON, FROM, OURS

IS_OURS = False


def one(connection, sql, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def connect(**options):
    connection = psycopg2.connect(URL, **options)
    global IS_OURS
    IS_OURS = "netsky" in one(connection, "SELECT version()")[0]
    connection.rollback()
    return connection


def check_every_type_is_read():
    connection = connect()
    connection.autocommit = True
    wrong = []
    for sql, _ in COMMON + (OURS if IS_OURS else []):
        # Python has no such day, and psycopg2 says so.
        try:
            one(connection, f"SELECT {sql} AS value{FROM}" + (" GROUP BY id" if "count(" in sql else ""))
        except Exception as error:
            wrong.append(f"{sql}: {error!r}")
    assert not wrong, "\n".join(wrong)
    equal(one(connection, "SELECT id, ts_utc, body, chat_id, id > 5 FROM messages WHERE id = 3"),
          (3, datetime.datetime(2026, 4, 15, 0, 3, tzinfo=datetime.timezone.utc), "message 3", None, False))
    equal(one(connection, "SELECT CAST('1.50' AS decimal(10, 2)), ARRAY[1, NULL], ARRAY['a,b']"), (decimal.Decimal("1.50"), [1, None], ["a,b"]))
    equal(bytes(one(connection, "SELECT decode('00ff', 'hex')")[0]), b"\x00\xff")


def check_parameters():
    connection = connect()
    values = [1, 0.5, True, None, "naïve 🦀 ' \\ %", decimal.Decimal("1.50"), datetime.date(2026, 4, 15), datetime.datetime(2026, 4, 15, 12, 0, 0, 5),
              datetime.datetime(2026, 4, 15, tzinfo=datetime.timezone.utc), datetime.time(1, 2, 3), datetime.timedelta(days=3, seconds=4, microseconds=5), [1, 2], ["a", "b'c"]]
    for value in values:
        found = one(connection, "SELECT %s", [value])[0]
        assert found == value or float(found) == value, f"{value!r}: {found!r}"
    equal(bytes(one(connection, "SELECT %s", [psycopg2.Binary(b"\x00\xff")])[0]), b"\x00\xff")
    equal(one(connection, "SELECT count(*) FROM messages WHERE id = ANY(%s) AND source IN %s AND ts_utc > now() - %s",
              [[1, 2, 3], ("agent", "email"), datetime.timedelta(days=36500)]), (2,))
    with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.execute("SELECT id AS n, source FROM messages WHERE id = %(id)s", {"id": 1})
        equal(dict(cursor.fetchone()), {"n": 1, "source": "email"})
    with connection.cursor() as cursor:
        equal(psycopg2.extras.execute_values(cursor, "SELECT * FROM (VALUES %s) AS t (a, b) ORDER BY a", [(1, "x"), (2, "y")], fetch=True), [(1, "x"), (2, "y")])
        query = psycopg2.sql.SQL("SELECT {} FROM {} ORDER BY 1 LIMIT 1").format(psycopg2.sql.Identifier("id"), psycopg2.sql.Identifier("public", "messages"))
        cursor.execute(query)
        equal(cursor.fetchone(), (1,))


def check_named_cursors():
    with connect() as connection:
        with connection.cursor("rows") as cursor:
            cursor.itersize = 100
            cursor.execute("SELECT id FROM messages ORDER BY id")
            equal(cursor.fetchone(), (1,))
            equal(cursor.fetchmany(2), [(2,), (3,)])
            cursor.scroll(10)
            equal(cursor.fetchone(), (14,))
            equal(sum(row[0] for row in cursor), 500500 - 14 * 15 // 2)
        with connection.cursor("held", withhold=True) as cursor:
            cursor.execute("SELECT id FROM messages ORDER BY id")
            connection.commit()
            equal(cursor.fetchall()[-1], (1000,))


def check_copy_expert():
    with connect() as connection, connection.cursor() as cursor:
        text = io.StringIO()
        cursor.copy_expert("COPY (SELECT id, body FROM messages WHERE id IN (2, 3) ORDER BY id) TO STDOUT WITH CSV HEADER", text)
        equal(text.getvalue(), 'id,body\n2,""\n3,message 3\n')
        text = io.StringIO()
        cursor.copy_to(text, "messages", columns=["id", "source"])
        equal(text.getvalue().splitlines()[:2], ["1\temail", "2\timessage"])
        fails(errors.ReadOnlySqlTransaction, lambda: cursor.copy_from(io.StringIO("1\n"), "messages", columns=["id"]))


def check_transactions_and_errors():
    connection = connect()
    error = fails(errors.UndefinedTable, lambda: one(connection, "SELECT * FROM absent"), pgcode="42P01")
    assert error.diag.message_primary
    fails(errors.InFailedSqlTransaction, lambda: one(connection, "SELECT 1"))
    connection.rollback()
    connection.set_session(isolation_level="SERIALIZABLE", readonly=True, deferrable=True)
    equal(one(connection, "SELECT 1"), (1,))
    connection.commit()
    connection.set_session(isolation_level="DEFAULT", readonly=None, autocommit=True)
    for sql in WRITES[:-2]:
        fails(errors.ReadOnlySqlTransaction, lambda: one(connection, sql))
    connection.set_client_encoding("UTF8")
    equal(connection.encoding, "UTF8")
    equal(connection.get_parameter_status("server_encoding"), "UTF8")
    connection.reset()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1; SELECT 2")
        equal(cursor.fetchone(), (2,))


def check_cancel():
    connection = connect()
    threading.Timer(0.3, connection.cancel).start()
    fails(errors.QueryCanceled, lambda: one(connection, ENDLESS), pgcode=psycopg2.errorcodes.QUERY_CANCELED)
    connection.rollback()
    equal(one(connection, "SELECT 1"), (1,))
    connection = connect(options="-c statement_timeout=200")
    fails(errors.QueryCanceled, lambda: one(connection, ENDLESS))


def check_pool():
    pool = psycopg2.pool.ThreadedConnectionPool(1, 3, URL)
    for number in range(10):
        connection = pool.getconn()
        equal(one(connection, "SELECT %s", [number]), (number,))
        pool.putconn(connection)
    pool.closeall()


run(globals())
