"""Clients that read into Arrow: ADBC, connectorx, polars and pandas with them."""

import datetime
import decimal

import adbc_driver_postgresql.dbapi as adbc
import connectorx
import pandas
import polars
import psycopg
import pyarrow
from check import URL, equal, fails, run

UTC = datetime.timezone.utc
SQL = "SELECT id, ts_utc, source, chat_id, id > 5 AS big, CAST(id AS double precision) / 4 AS quarter, CAST(ts_utc AS date) AS day FROM messages ORDER BY id"


def check_adbc():
    with adbc.connect(URL) as connection:
        with connection.cursor() as cursor:
            cursor.execute(SQL)
            table = cursor.fetch_arrow_table()
            equal(table.num_rows, 1000)
            equal(table.schema.field("id").type, pyarrow.int64())
            equal(str(table.schema.field("ts_utc").type), "timestamp[us, tz=UTC]")
            equal(table.schema.field("big").type, pyarrow.bool_())
            equal(table.schema.field("day").type, pyarrow.date32())
            equal(table.slice(2, 1).to_pylist(), [{"id": 3, "ts_utc": datetime.datetime(2026, 4, 15, 0, 3, tzinfo=UTC), "source": "agent", "chat_id": None,
                                                    "big": False, "quarter": 0.75, "day": datetime.date(2026, 4, 15)}])
            cursor.execute("SELECT body FROM messages WHERE id = $1", (1,))
            equal(cursor.fetchone(), ('naïve 🦀 "quoted" \\ back\ttab\nline',))
            cursor.execute("SELECT count(*) FROM messages WHERE source = $1 AND ts_utc >= $2", ("agent", datetime.datetime(2026, 4, 15, tzinfo=UTC)))
            equal(cursor.fetchone(), (333,))
            cursor.execute("SELECT CAST('1.50' AS decimal(10, 2)) AS d, ARRAY[1, 2] AS l, decode('00ff', 'hex') AS b, INTERVAL '1 day' AS i, TIMESTAMP '2026-04-15 00:00:00.000001' AS t")
            row = cursor.fetch_arrow_table().to_pylist()[0]
            equal((decimal.Decimal(row["d"]), row["l"], row["b"], row["t"]), (decimal.Decimal("1.50"), [1, 2], b"\x00\xff", datetime.datetime(2026, 4, 15, 0, 0, 0, 1)))
            cursor.execute("SELECT id FROM messages WHERE false")
            equal(cursor.fetch_arrow_table().num_rows, 0)
            cursor.execute("SELECT id FROM messages")
            equal(sum(batch.num_rows for batch in cursor.fetch_record_batch()), 1000)
            error = fails(adbc.Error, lambda: cursor.execute("SELECT * FROM absent"))
            equal(error.sqlstate, "42P01")
        connection.rollback()
        equal(connection.adbc_get_table_schema("messages").names[:3], ["id", "ts_utc", "source"])
        equal(str(connection.adbc_get_table_schema("messages", db_schema_filter="public").field("ts_utc").type), "timestamp[us, tz=UTC]")
        objects = connection.adbc_get_objects(depth="all").read_all().to_pylist()
        netsky = [catalog for catalog in objects if catalog["catalog_name"] == "netsky"][0]
        public = [schema for schema in netsky["catalog_db_schemas"] if schema["db_schema_name"] == "public"][0]
        messages = [table for table in public["db_schema_tables"] if table["table_name"] == "messages"][0]
        equal(messages["table_type"], "table")
        columns = sorted(messages["table_columns"], key=lambda column: column["ordinal_position"])
        equal([column["column_name"] for column in columns][:3], ["id", "ts_utc", "source"])
        equal([constraint["constraint_column_names"] for constraint in messages["table_constraints"]], [["id"]])
        for depth in ["catalogs", "db_schemas", "tables"]:
            assert connection.adbc_get_objects(depth=depth).read_all().num_rows >= 1
        one = connection.adbc_get_objects(depth="all", db_schema_filter="public", table_name_filter="messages", column_name_filter="i%").read_all().to_pylist()
        assert "messages" in str(one) and "ticks" not in str(one), one
        assert "table" in connection.adbc_get_table_types()
        info = connection.adbc_get_info()
        equal(info["vendor_name"], "PostgreSQL")
        with connection.cursor() as cursor:
            for sql in ["INSERT INTO ticks (source) VALUES ('x')", "CREATE TABLE more (a bigint)", "DROP TABLE messages"]:
                equal(fails(adbc.Error, lambda: cursor.execute(sql)).sqlstate, "25006")
                connection.rollback()
            fails(adbc.Error, lambda: cursor.adbc_ingest("more", pyarrow.table({"a": [1]})))
    with adbc.connect(URL, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS one")
        equal(cursor.fetchall(), [(1,)])


def check_connectorx():
    for protocol in ["binary", "csv", "cursor", "simple"]:
        table = connectorx.read_sql(URL, SQL, return_type="arrow", protocol=protocol)
        table = pyarrow.table(table)
        equal((protocol, table.num_rows, sum(table["id"].to_pylist())), (protocol, 1000, 500500))
        row = table.slice(2, 1).to_pylist()[0]
        equal((row["source"], row["chat_id"], row["big"], row["quarter"], row["day"]), ("agent", None, False, 0.75, datetime.date(2026, 4, 15)), protocol)
        equal(row["ts_utc"], datetime.datetime(2026, 4, 15, 0, 3, tzinfo=UTC), protocol)
    table = pyarrow.table(connectorx.read_sql(URL, "SELECT id, source FROM messages", return_type="arrow", partition_on="id", partition_num=3))
    equal((table.num_rows, sum(table["id"].to_pylist())), (1000, 500500))
    frame = connectorx.read_sql(URL, "SELECT id, body, ts_utc FROM messages ORDER BY id")
    equal((len(frame), frame["body"][0]), (1000, 'naïve 🦀 "quoted" \\ back\ttab\nline'))
    fails(RuntimeError, lambda: connectorx.read_sql(URL, "SELECT * FROM absent"))
    table = pyarrow.table(connectorx.read_sql(URL, "SELECT source, count(*) AS n, max(ts_utc) AS last FROM messages GROUP BY source ORDER BY 1", return_type="arrow"))
    equal(table["n"].to_pylist(), [333, 334, 333])


def check_polars():
    expected = polars.read_database(SQL, psycopg.connect(URL))
    equal(expected.shape, (1000, 7))
    for engine in ["connectorx", "adbc"]:
        frame = polars.read_database_uri(SQL, URL, engine=engine)
        equal((frame.shape, frame["id"].sum(), frame["chat_id"].null_count()), ((1000, 7), 500500, 750), engine)
        equal(frame["ts_utc"].dt.epoch("ms").to_list(), expected["ts_utc"].dt.epoch("ms").to_list(), engine)
        equal(frame["quarter"].sum(), 125125.0, engine)
    frame = polars.read_database_uri("SELECT id, source FROM messages", URL, partition_on="id", partition_num=2)
    equal(frame.shape, (1000, 2))
    parts = list(polars.read_database("SELECT id FROM messages ORDER BY id", psycopg.connect(URL), iter_batches=True, batch_size=300))
    equal([len(part) for part in parts], [300, 300, 300, 100])


def check_pandas_with_adbc():
    with adbc.connect(URL) as connection:
        frame = pandas.read_sql(SQL, connection)
        equal((frame.shape, frame["id"].sum()), ((1000, 7), 500500))
        frame = pandas.read_sql_table("token_usage", connection, schema="public", columns=["id", "model"])
        equal(frame.shape, (100, 2))


run(globals())
