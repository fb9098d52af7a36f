"""SQLAlchemy with three drivers, and pandas on top of it."""

import asyncio
import datetime
import warnings

import pandas
import sqlalchemy as sa
from check import URL, WRITES, equal, fails, run
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine

UTC = datetime.timezone.utc
TABLES = ["cli_invocations", "clone_dispatches", "communication_events", "crashes", "git_operations", "harvest_events", "mcp_tool_calls",
          "messages", "owner_directives", "sessions", "ticks", "token_usage", "watchdog_events", "workspaces"]
ENGINES = {driver: sa.create_engine(URL.replace("postgresql:", f"postgresql+{driver}:")) for driver in ["psycopg", "psycopg2"]}


def check_inspection():
    for driver, engine in ENGINES.items():
        inspector = sa.inspect(engine)
        equal(inspector.default_schema_name, "public")
        assert "public" in inspector.get_schema_names() and "information_schema" in inspector.get_schema_names()
        equal(sorted(inspector.get_table_names()), TABLES, driver)
        equal(sorted(inspector.get_table_names(schema="public")), TABLES, driver)
        assert "v_agent_sessions" in inspector.get_view_names(), driver
        equal(inspector.get_materialized_view_names(), [])
        equal(inspector.get_temp_table_names(), [])
        equal(inspector.get_sequence_names(), [])
        equal(inspector.get_enums(), [])
        equal(inspector.get_foreign_table_names(), [])
        for schema in [None, "public"]:
            columns = inspector.get_columns("messages", schema=schema)
            equal([column["name"] for column in columns], ["id", "ts_utc", "source", "direction", "chat_id", "from_agent", "to_agent", "body", "raw_json"])
            equal([type(column["type"]) for column in columns[:3]], [sa.BIGINT, postgresql.TIMESTAMP, sa.TEXT])
            assert columns[1]["type"].timezone
            equal([column["nullable"] for column in columns], [False, False, False, False, True, True, True, True, True])
            equal([column["default"] for column in columns], [None] * 9)
            equal(columns[7]["comment"], "Its text.")
            equal(inspector.get_pk_constraint("messages", schema=schema)["constrained_columns"], ["id"])
            equal(inspector.get_indexes("messages", schema=schema), [])
            equal(inspector.get_unique_constraints("messages", schema=schema), [])
            equal(inspector.get_foreign_keys("messages", schema=schema), [])
            equal(inspector.get_check_constraints("messages", schema=schema), [])
            equal(inspector.get_table_comment("messages", schema=schema), {"text": "Messages to and from agents, on every channel."})
        equal(type(inspector.get_columns("mcp_tool_calls")[7]["type"]), sa.BOOLEAN)
        assert inspector.has_table("messages") and inspector.has_table("v_agent_sessions") and not inspector.has_table("absent")
        assert not inspector.has_table("messages", schema="absent")
        assert inspector.has_schema("public") and not inspector.has_schema("absent")
        assert "select" in inspector.get_view_definition("v_agent_sessions").lower()
        assert [column["name"] for column in inspector.get_columns("v_agent_sessions")].count("agent") == 1
        equal(sorted(name for _, name in inspector.get_multi_columns()), TABLES)
        fails(sa.exc.NoSuchTableError, lambda: inspector.get_columns("absent"))
        equal(inspector.get_table_options("messages"), {})


def check_reflection():
    for engine in ENGINES.values():
        metadata = sa.MetaData()
        metadata.reflect(engine, views=True)
        assert set(TABLES) <= set(metadata.tables) and "v_agent_sessions" in metadata.tables
        messages = metadata.tables["messages"]
        equal([column.name for column in messages.primary_key], ["id"])
        table = sa.Table("token_usage", sa.MetaData(), autoload_with=engine, schema="public")
        equal(type(table.c.input_tokens.type), sa.BIGINT)
        assert table.c.input_tokens.comment.startswith("Tokens read that were not cached.")
        with engine.connect() as connection:
            equal(connection.execute(sa.select(sa.func.count()).select_from(messages)).scalar(), 1000)


def check_queries():
    messages = sa.Table("messages", sa.MetaData(), autoload_with=ENGINES["psycopg"])
    at = datetime.datetime(2026, 4, 15, 1, tzinfo=UTC)
    c = messages.c
    cases = [
        (sa.select(c.id, c.ts_utc, c.body.label("text")).where(c.id == 3), [(3, datetime.datetime(2026, 4, 15, 0, 3, tzinfo=UTC), "message 3")]),
        (sa.select(c.source, sa.func.count().label("n")).group_by(c.source).order_by(sa.desc("n"), c.source), [("email", 334), ("agent", 333), ("imessage", 333)]),
        (sa.select(sa.func.date_trunc("hour", c.ts_utc).label("hour"), sa.func.count()).where(c.ts_utc < at).group_by("hour").order_by("hour"), [(datetime.datetime(2026, 4, 15, tzinfo=UTC), 59)]),
        (sa.select(c.id).where(c.id.in_([1, 2, 5000])).order_by(c.id), [(1,), (2,)]),
        (sa.select(c.id).where(c.id.in_([])), []),
        (sa.select(c.id).where(c.id.not_in([2, 3]), c.id < 5).order_by(c.id), [(1,), (4,)]),
        (sa.select(c.id).where(c.source.like("a%"), c.body.ilike("MESSAGE 3")), [(3,)]),
        (sa.select(c.id).where(c.body.contains("30", autoescape=True), c.id < 400).order_by(c.id), [(30,), (130,), (230,)] + [(number,) for number in range(300, 310)] + [(330,)]),
        (sa.select(c.id).where(c.body.startswith("message 99")).order_by(c.id.desc()).limit(2).offset(1), [(998,), (997,)]),
        (sa.select(sa.case((c.id > 1, "many"), else_="one")).where(c.id < 3).order_by(c.id), [("one",), ("many",)]),
        (sa.select(sa.cast(c.id, sa.String) + "x").where(c.id == 1), [("1x",)]),
        (sa.select(sa.cast(c.ts_utc, sa.Date)).distinct(), [(datetime.date(2026, 4, 15),)]),
        (sa.select(sa.extract("hour", c.ts_utc)).where(c.id == 60), [(1,)]),
        (sa.select(sa.func.count(sa.distinct(c.from_agent)), sa.func.min(c.id), sa.func.coalesce(sa.func.max(c.to_agent), "none")), [(5, 1, "none")]),
        (sa.select(c.id).where(sa.exists(sa.select(1).where(c.source == "agent"))).limit(0), []),
        (sa.select(sa.literal(1), sa.literal("a"), sa.null(), sa.true()), [(1, "a", None, True)]),
        (sa.union_all(sa.select(sa.literal(1).label("n")), sa.select(sa.literal(2))).order_by("n"), [(1,), (2,)]),
        (sa.select(sa.func.row_number().over(partition_by=c.source, order_by=c.id), c.id).where(c.id < 5).order_by(c.id), [(1, 1), (1, 2), (1, 3), (2, 4)]),
        (sa.select(c.id).where(c.chat_id.is_(None), c.id < 3).order_by(c.id), [(1,), (2,)]),
        (sa.select(c.id).where(sa.between(c.ts_utc, at, at + datetime.timedelta(minutes=1))).order_by(c.id), [(60,), (61,)]),
        (sa.select(c.id).where(c.ts_utc > sa.func.now() - datetime.timedelta(days=36500)).order_by(c.id).limit(1), [(1,)]),
        (sa.select(c.id).where(c.id == sa.any_(sa.literal([1, 2], postgresql.ARRAY(sa.BigInteger)))).order_by(c.id), [(1,), (2,)]),
        (sa.select(sa.func.count().filter(c.source == "agent")), [(333,)]),
        (sa.select(sa.func.string_agg(c.source, ",")).where(c.id == 1), [("email",)]),
        (sa.text("SELECT id FROM messages WHERE source = :source AND id < :id").bindparams(source="agent", id=5), [(3,)]),
    ]
    recent = sa.select(c.id, c.source).where(c.id > 990).cte("recent")
    other = messages.alias()
    cases += [
        (sa.select(sa.func.count()).select_from(recent), [(10,)]),
        (sa.select(c.id, other.c.id).join(other, other.c.id == c.id + 1).where(c.id == 1), [(1, 2)]),
        (sa.select(sa.select(sa.func.max(c.id)).scalar_subquery()), [(1000,)]),
    ]
    for driver, engine in ENGINES.items():
        wrong = []
        for query, expected in cases:
            with engine.connect() as connection:
                try:
                    found = [tuple(row) for row in connection.execute(query)]
                    if found != expected:
                        wrong.append(f"{query}: {found}, not {expected}")
                except Exception as error:
                    wrong.append(f"{query}: {error}")
        assert not wrong, driver + "\n" + "\n".join(wrong)


def check_rows_in_parts():
    for engine in ENGINES.values():
        with engine.connect().execution_options(stream_results=True, yield_per=70) as connection:
            result = connection.execute(sa.text("SELECT id FROM messages ORDER BY id"))
            equal([len(part) for part in result.partitions(70)], [70] * 14 + [20])
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            equal(connection.execute(sa.text("SELECT 1")).scalar(), 1)
        for level in ["SERIALIZABLE", "REPEATABLE READ", "READ COMMITTED", "READ UNCOMMITTED"]:
            with engine.connect().execution_options(isolation_level=level) as connection:
                equal(connection.get_isolation_level(), level)
        # Given back, the connection is set to read and write.
        for options in [{"postgresql_readonly": True, "postgresql_deferrable": True}, {}]:
            with engine.connect().execution_options(**options) as connection:
                equal(connection.execute(sa.text("SELECT 1")).scalar(), 1)
        engine.dispose()


def check_writes_are_refused():
    for engine in ENGINES.values():
        for sql in WRITES[:-2]:
            with engine.connect() as connection:
                error = fails(sa.exc.DBAPIError, lambda: connection.execute(sa.text(sql))).orig
                equal(error.sqlstate if engine.driver == "psycopg" else error.pgcode, "25006")
        fails(sa.exc.DBAPIError, lambda: sa.Table("more", sa.MetaData(), sa.Column("a", sa.Integer)).create(engine))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fails(sa.exc.DBAPIError, lambda: pandas.DataFrame({"a": [1]}).to_sql("more", engine))
        with engine.begin() as connection:
            with connection.begin_nested() as nested:
                fails(sa.exc.DBAPIError, lambda: connection.execute(sa.text("SELECT * FROM absent")))
                nested.rollback()
            equal(connection.execute(sa.text("SELECT 1")).scalar(), 1)


def check_pandas():
    for engine in ENGINES.values():
        frame = pandas.read_sql("SELECT id, ts_utc, source, chat_id, id > 5 AS big, id / 4.0 AS quarter FROM messages ORDER BY id", engine)
        equal(frame.shape, (1000, 6))
        equal(frame["id"].sum(), 500500)
        equal(frame["ts_utc"][2], pandas.Timestamp("2026-04-15T00:03:00Z"))
        equal(str(frame["big"].dtype), "bool")
        equal(float(frame["quarter"][0]), 0.25)
        equal(frame["chat_id"].isna().sum(), 750)
        parts = list(pandas.read_sql("SELECT id FROM messages ORDER BY id", engine.connect().execution_options(stream_results=True), chunksize=300))
        equal([len(part) for part in parts], [300, 300, 300, 100])
        parts = list(pandas.read_sql("SELECT id FROM messages ORDER BY id", engine, chunksize=300))
        equal([len(part) for part in parts], [300, 300, 300, 100])
        frame = pandas.read_sql_table("token_usage", engine, columns=["id", "ts_utc", "cached_input_tokens"])
        equal((frame.shape, frame["cached_input_tokens"].isna().sum()), ((100, 3), 33))
        frame = pandas.read_sql(sa.text("SELECT count(*) AS n FROM messages WHERE source = :source"), engine, params={"source": "agent"})
        equal(frame["n"][0], 333)


def check_asyncpg():
    async def work():
        engine = create_async_engine(URL.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.connect() as connection:
            equal((await connection.execute(sa.text("SELECT body FROM messages WHERE id = :id"), {"id": 3})).scalar(), "message 3")
            names = await connection.run_sync(lambda synchronous: sorted(sa.inspect(synchronous).get_table_names()))
            equal(names, TABLES)
            table = await connection.run_sync(lambda synchronous: sa.Table("messages", sa.MetaData(), autoload_with=synchronous))
            query = sa.select(sa.func.count()).where(table.c.source == "agent", table.c.ts_utc > datetime.datetime(2026, 1, 1, tzinfo=UTC), table.c.id.in_([3, 6, 7]))
            equal((await connection.execute(query)).scalar(), 2)
            result = await connection.stream(sa.select(table.c.id).order_by(table.c.id))
            equal(sum([row[0] async for row in result]), 500500)
        await engine.dispose()

    asyncio.run(work())


def check_the_pool_notices_a_lost_connection():
    engine = sa.create_engine(URL.replace("postgresql:", "postgresql+psycopg:"), pool_pre_ping=True, pool_size=1)
    for _ in range(3):
        with engine.connect() as connection:
            equal(connection.execute(sa.text("SELECT 1")).scalar(), 1)


run(globals())
