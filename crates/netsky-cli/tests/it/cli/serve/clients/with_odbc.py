"""psqlODBC, as spreadsheets and BI tools use it."""

import datetime
import decimal
import threading
import urllib.parse

import pyodbc
from check import ENDLESS, URL, equal, fails, run

url = urllib.parse.urlparse(URL)
DRIVER = "/usr/lib/x86_64-linux-gnu/odbc/psqlodbcw.so"


def connect(more=""):
    text = f"Driver={DRIVER};Server={url.hostname};Port={url.port};Database=netsky;Uid={url.username};Pwd={url.password or ''};{more}"
    return pyodbc.connect(text, autocommit=True)


def check_rows_and_parameters():
    for more in ["", "UseServerSidePrepare=0", "UseDeclareFetch=1;Fetch=70", "Protocol=7.4-0", "BoolsAsChar=0"]:
        cursor = connect(more).cursor()
        row = cursor.execute("SELECT id, ts_utc, body, chat_id, CAST(id AS double precision) / 4, CAST(ts_utc AS date), CAST('1.50' AS decimal(10, 2)) FROM messages WHERE id = ?", 3).fetchone()
        equal(list(row), [3, datetime.datetime(2026, 4, 15, 0, 3), "message 3", None, 0.75, datetime.date(2026, 4, 15), decimal.Decimal("1.50")], more)
        equal(sum(row[0] for row in cursor.execute("SELECT id FROM messages ORDER BY id")), 500500, more)
        equal(cursor.execute("SELECT count(*) FROM messages WHERE source = ? AND ts_utc >= ? AND id > ?", "agent", datetime.datetime(2026, 4, 15, 1), 100).fetchone()[0], 300, more)
        equal(cursor.execute("SELECT body FROM messages WHERE id <= 2 ORDER BY id").fetchall()[0][0], 'naïve 🦀 "quoted" \\ back\ttab\nline', more)
        equal(cursor.execute("SELECT id > 5 FROM messages WHERE id = 7").fetchone()[0] in (True, "1"), True, more)


def check_names():
    cursor = connect().cursor()
    assert "messages" in [row.table_name for row in cursor.tables(schema="public", tableType="TABLE")]
    assert "v_agent_sessions" in [row.table_name for row in cursor.tables(schema="public", tableType="VIEW")]
    equal([row.column_name for row in cursor.columns(table="messages", schema="public")][:3], ["id", "ts_utc", "source"])
    equal([row.type_name for row in cursor.columns(table="messages", schema="public")][:3], ["int8", "timestamptz", "text"])
    equal([row.column_name for row in cursor.primaryKeys("messages", schema="public")], ["id"])
    equal({row.column_name for row in cursor.statistics("messages", schema="public") if row.column_name}, {"id"})
    equal(list(cursor.foreignKeys("messages", schema="public")), [])
    list(cursor.rowIdColumns("messages", schema="public"))
    list(cursor.rowVerColumns("messages", schema="public"))
    list(cursor.procedures())
    list(cursor.getTypeInfo())
    equal(connect().getinfo(pyodbc.SQL_DBMS_NAME), "PostgreSQL")


def check_writes_and_errors():
    cursor = connect().cursor()
    equal(fails(pyodbc.Error, lambda: cursor.execute("SELECT * FROM absent")).args[0], "42P01")
    for sql in ["INSERT INTO ticks (source) VALUES ('x')", "DELETE FROM messages", "DROP TABLE messages"]:
        equal(fails(pyodbc.Error, lambda: cursor.execute(sql)).args[0], "25006")
    connection = connect()
    connection.autocommit = False
    equal(connection.execute("SELECT 1").fetchone()[0], 1)
    fails(pyodbc.Error, lambda: connection.execute("SELECT * FROM absent"))
    connection.rollback()
    equal(connection.execute("SELECT 1").fetchone()[0], 1)
    connection.commit()


def check_cancel():
    connection = connect()
    cursor = connection.cursor()
    threading.Timer(0.5, cursor.cancel).start()
    assert fails(pyodbc.Error, lambda: cursor.execute(ENDLESS)).args[0] in ("57014", "HY008")
    equal(connection.execute("SELECT 1").fetchone()[0], 1)


run(globals())
