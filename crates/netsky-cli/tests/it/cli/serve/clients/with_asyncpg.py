"""asyncpg."""

import asyncio
import datetime
import decimal
import io

import asyncpg
from check import ENDLESS, URL, WRITES, equal, run
from values import COMMON, FROM, OURS

UTC = datetime.timezone.utc


class connected:
    def __init__(self, **options):
        self.options = options

    async def __aenter__(self):
        self.connection = await asyncpg.connect(URL, **self.options)
        return self.connection

    async def __aexit__(self, *error):
        await self.connection.close(timeout=5)


async def is_ours(connection):
    return "netsky" in await connection.fetchval("SELECT version()")


async def fails(error, awaitable):
    try:
        result = await awaitable
    except error as raised:
        return raised
    raise AssertionError(f"no {error} but {result}")


async def check_fetch():
    async with connected() as connection:
        row = await connection.fetchrow("SELECT id, ts_utc, body, chat_id, id > 5 AS big, CAST(ts_utc AS date) AS day FROM messages WHERE id = $1", 3)
        equal(dict(row), {"id": 3, "ts_utc": datetime.datetime(2026, 4, 15, 0, 3, tzinfo=UTC), "body": "message 3", "chat_id": None, "big": False, "day": datetime.date(2026, 4, 15)})
        rows = await connection.fetch("SELECT id FROM messages ORDER BY id")
        equal([row["id"] for row in rows], list(range(1, 1001)))
        equal(await connection.fetch("SELECT id FROM messages WHERE false"), [])
        equal(await connection.fetchval("SELECT count(*) FROM messages"), 1000)
        equal(await connection.execute("SELECT 1; SELECT 2"), "SELECT 1")
        equal(await connection.fetchval("SELECT body FROM messages WHERE id = 1"), 'naïve 🦀 "quoted" \\ back\ttab\nline')
        version = connection.get_server_version()
        assert version.major >= 12, version
        equal(connection.get_settings().TimeZone, "UTC")


async def check_every_type_is_read():
    async with connected() as connection:
        wrong = []
        for sql, _ in COMMON + (OURS if await is_ours(connection) else []):
            try:
                await connection.fetchval(f"SELECT {sql} AS value{FROM}" + (" GROUP BY id" if "count(" in sql else ""))
            except Exception as error:
                wrong.append(f"{sql}: {error!r}")
        assert not wrong, "\n".join(wrong)
        equal(await connection.fetchval("SELECT ARRAY[1, 2, NULL]"), [1, 2, None])
        equal(await connection.fetchval("SELECT INTERVAL '1 day 2 hours'"), datetime.timedelta(days=1, hours=2))
        equal(await connection.fetchval("SELECT CAST('-12345678901234567890.0001' AS decimal(30, 4))"), decimal.Decimal("-12345678901234567890.0001"))
        equal(await connection.fetchval("SELECT decode('00ff', 'hex')"), b"\x00\xff")
        equal(await connection.fetchval("SELECT TIMESTAMP '2026-04-15 12:34:56.000001'"), datetime.datetime(2026, 4, 15, 12, 34, 56, 1))


async def check_parameters_take_the_types_of_their_places():
    at = datetime.datetime(2026, 4, 15, 1, tzinfo=UTC)
    cases = [
        ("id = $1", [7], 1),
        ("id BETWEEN $1 AND $2", [3, 5], 3),
        ("id = ANY($1)", [[1, 2, 5000]], 2),
        ("id = ANY($1::bigint[])", [[1, 2, 5000]], 2),
        ("source = ANY($1)", [["agent", "email"]], 667),
        ("source = $1", ["agent"], 333),
        ("source = $1 AND id > $2 AND source = $1", ["agent", 500], 167),
        ("source LIKE $1", ["a%"], 333),
        ("ts_utc >= $1", [at], 941),
        ("ts_utc BETWEEN $1 AND $2", [at, at + datetime.timedelta(minutes=9)], 10),
        ("ts_utc > now() - $1::interval", [datetime.timedelta(days=36500)], 1000),
        ("CAST(ts_utc AS date) = $1", [datetime.date(2026, 4, 15)], 1000),
        ("($1::text IS NULL OR source = $1)", [None], 1000),
        ("id IN ($1, $2)", [1, 2], 2),
        ("id + $1 > $2", [1, 1000], 1),
        ("lower(source) = lower($1)", ["AGENT"], 333),
        ("length(body) > $1", [12], None),
        ("(id > $1) = $2", [500, True], 500),
        ("coalesce(chat_id, $1) = 'none'", ["none"], 750),
        ("id / 2.0 > $1::double precision", [499.9], 1),
    ]
    wrong = []
    async with connected() as connection:
        for condition, parameters, expected in cases:
            try:
                found = await connection.fetchval(f"SELECT count(*) FROM messages WHERE {condition}", *parameters)
                if expected is not None and found != expected:
                    wrong.append(f"{condition}: {found}, not {expected}")
            except Exception as error:
                wrong.append(f"{condition}: {error!r}")
        for cast, value in [
            ("int", 1), ("bigint", -(2**63)), ("smallint", 5), ("text", "🦀"), ("text", ""), ("boolean", True), ("double precision", 0.5), ("real", 0.5),
            ("date", datetime.date(1, 1, 1)), ("timestamp", datetime.datetime(2026, 4, 15, 0, 0, 0, 1)), ("timestamptz", at), ("interval", datetime.timedelta(days=2, microseconds=1)),
            ("bytea", b"\x00\xff"), ("text[]", ["a", None, "b,c"]), ("bigint[]", [1, None]), ("time", datetime.time(1, 2, 3)), ("numeric", decimal.Decimal("1.5")), ("text", None), ("varchar", "x"),
            ("timestamptz[]", [at]), ("double precision[]", [0.5]), ("boolean[]", [True, False]), ("date[]", [datetime.date(2026, 4, 15)]),
        ]:
            try:
                equal(await connection.fetchval(f"SELECT $1::{cast}", value), value, cast)
            except Exception as error:
                wrong.append(f"$1::{cast} {value!r}: {error!r}")
        equal([row[0] for row in await connection.fetch("SELECT id FROM messages ORDER BY id LIMIT $1 OFFSET $2", 2, 10)], [11, 12])
        await fails(asyncpg.DataError, connection.fetchval("SELECT 1 FROM messages WHERE id = $1", "seven"))
    assert not wrong, "\n".join(wrong)


async def check_prepared():
    async with connected() as connection:
        statement = await connection.prepare("SELECT id, body, ts_utc FROM messages WHERE id = $1 AND source = $2")
        equal([attribute.name for attribute in statement.get_attributes()], ["id", "body", "ts_utc"])
        equal([attribute.type.name for attribute in statement.get_attributes()], ["int8", "text", "timestamptz"])
        equal([parameter.name for parameter in statement.get_parameters()], ["int8", "text"])
        for _ in range(3):
            equal((await statement.fetchrow(3, "agent"))["body"], "message 3")
        equal(await statement.fetchval(3, "email"), None)
        equal(statement.get_statusmsg(), "SELECT 0")
        equal([list(rows) for rows in await (await connection.prepare("SELECT $1::int + 1")).fetchmany([(1,), (2,)])], [[2], [3]])
        await connection.executemany("SELECT $1::int", [(1,), (2,)])


async def check_cursors():
    async with connected() as connection:
        async with connection.transaction(readonly=True):
            found = [row["id"] async for row in connection.cursor("SELECT id FROM messages WHERE id > $1 ORDER BY id", 10, prefetch=70)]
            equal(found, list(range(11, 1001)))
            cursor = await connection.cursor("SELECT id FROM messages ORDER BY id")
            equal((await cursor.fetchrow())["id"], 1)
            equal([row["id"] for row in await cursor.fetch(3)], [2, 3, 4])
            equal(await cursor.forward(10), 10)
            equal((await cursor.fetchrow())["id"], 15)
            equal(await connection.fetchval("SELECT 1"), 1)
            equal((await cursor.fetchrow())["id"], 16)


async def check_copy():
    async with connected() as connection:
        out = io.BytesIO()
        equal(await connection.copy_from_query("SELECT id, body FROM messages WHERE id IN (2, 3) ORDER BY id", output=out, format="csv", header=True), "COPY 2")
        equal(out.getvalue(), b'id,body\n2,""\n3,message 3\n')
        out = io.BytesIO()
        await connection.copy_from_query("SELECT id FROM messages WHERE id > $1", 998, output=out, format="binary")
        assert out.getvalue().startswith(b"PGCOPY\n\xff\r\n\0") and out.getvalue().endswith(b"\xff\xff"), out.getvalue()
        out = io.BytesIO()
        equal(await connection.copy_from_table("messages", columns=["id", "source"], schema_name="public", output=out), "COPY 1000")
        await fails(asyncpg.ReadOnlySQLTransactionError, connection.copy_records_to_table("messages", records=[(1, "x")], columns=["id", "source"]))
        await fails(asyncpg.UndefinedTableError, connection.copy_from_query("SELECT * FROM absent", output=io.BytesIO()))
        equal(await connection.fetchval("SELECT 1"), 1)


async def check_types_are_introspected():
    async with connected() as connection:
        await connection.set_type_codec("json", encoder=str, decoder=lambda text: ["decoded", text], schema="pg_catalog")
        await connection.set_type_codec("numeric", encoder=str, decoder=float, schema="pg_catalog", format="text")
        equal(await connection.fetchval("SELECT CAST(1.5 AS decimal(10, 2))"), 1.5)
        await fails(ValueError, connection.set_type_codec("absent", encoder=str, decoder=str))
        await connection.reset_type_codec("json", schema="pg_catalog")
        await connection.reload_schema_state()
        # Types that it does not know by heart are asked for.
        await connection.fetch("SELECT oid, relname, relkind, reltype FROM pg_class WHERE relname = 'messages'")


async def check_transactions():
    async with connected() as connection:
        async with connection.transaction(isolation="repeatable_read", readonly=True, deferrable=True):
            equal(await connection.fetchval("SELECT 1"), 1)
            try:
                async with connection.transaction():
                    await connection.fetch("SELECT * FROM absent")
            except asyncpg.UndefinedTableError as error:
                equal(error.sqlstate, "42P01")
            equal(await connection.fetchval("SELECT 2"), 2)
        transaction = connection.transaction()
        await transaction.start()
        await fails(asyncpg.UndefinedColumnError, connection.fetch("SELECT absent FROM messages"))
        await fails(asyncpg.InFailedSQLTransactionError, connection.fetch("SELECT 1"))
        await transaction.rollback()
        for sql in WRITES:
            if not sql.startswith("COPY"):
                await fails(asyncpg.ReadOnlySQLTransactionError, connection.execute(sql))
                await fails(asyncpg.ReadOnlySQLTransactionError, connection.fetch(sql))
        equal(await connection.fetchval("SELECT 3"), 3)


async def check_cancel_by_timeout():
    async with connected() as connection:
        await fails(asyncio.TimeoutError, connection.fetch(ENDLESS, timeout=0.5))
        equal(await connection.fetchval("SELECT 1"), 1)
        task = asyncio.ensure_future(connection.fetch(ENDLESS))
        await asyncio.sleep(0.3)
        task.cancel()
        await fails(asyncio.CancelledError, task)
        equal(await connection.fetchval("SELECT 2"), 2)
    async with connected(server_settings={"statement_timeout": "300", "application_name": "check"}) as connection:
        await fails(asyncpg.QueryCanceledError, connection.fetch(ENDLESS))
        equal(await connection.fetchval("SHOW application_name"), "check")


async def check_pool():
    async with asyncpg.create_pool(URL, min_size=2, max_size=4) as pool:
        async def work(number):
            async with pool.acquire() as connection:
                return int(await connection.fetchval("SELECT sum(id) FROM messages WHERE id <= $1", number))

        numbers = range(1, 21)
        equal(await asyncio.gather(*map(work, numbers)), [number * (number + 1) // 2 for number in numbers])


run(globals(), asyncio.run)
