"""What Grafana sends: its query editor's questions, and the dashboard's panels with their macros expanded as Grafana does.

SCRIPT URL [NAME]. Each text is one simple message, which may have several statements.
"""

import datetime
import json
import pathlib
import re

import psycopg
from check import URL, equal, run

DASHBOARD = pathlib.Path(__file__).parents[7] / "contrib" / "grafana" / "netsky.json"
TO = datetime.datetime.now(datetime.timezone.utc)
FROM = TO - datetime.timedelta(days=7)
INTERVAL = 3600
# What Grafana's driver can read: others make it fail with "unknown data type".
KNOWN = {16: "bool", 17: "bytea", 20: "int8", 21: "int2", 23: "int4", 25: "text", 114: "json", 700: "float4", 701: "float8", 1043: "varchar",
         1082: "date", 1083: "time", 1114: "timestamp", 1184: "timestamptz", 1186: "interval", 1700: "numeric", 1009: "text[]", 1016: "int8[]"}
NUMBERS = {"int8", "int4", "int2", "float8", "float4", "numeric"}

connection = psycopg.connect(URL, autocommit=True)


def exchange(sql):
    """The rows of the last statement, and the names and types of its columns."""
    result = connection.pgconn.exec_(sql.encode())
    if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
        raise AssertionError(f"{result.error_message.decode()}\n{sql}")
    columns = {result.fname(c).decode(): result.ftype(c) for c in range(result.nfields)}
    value = lambda row, c: (lambda bytes: None if bytes is None else bytes.decode())(result.get_value(row, c))
    return columns, [[value(row, c) for c in range(result.nfields)] for row in range(result.ntuples)]


def expand(sql, agents=()):
    """Variables, then macros, as Grafana 9 to 12 expand them."""
    time = lambda at: at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    sql = sql.replace("$agent", ",".join("'" + agent.replace("'", "''") + "'" for agent in agents))
    sql = sql.replace("$__interval_ms", str(INTERVAL * 1000)).replace("$__interval", f"{INTERVAL // 3600}h")

    def macro(match):
        name, arguments = match[1], [argument.strip() for argument in match[2].split(",")]
        # Followed by a comma, the macro names its column.
        if name == "timeGroup" and sql[match.end() : match.end() + 1] == ",":
            name = "timeGroupAlias"
        if name in ("timeGroup", "timeGroupAlias", "unixEpochGroup", "unixEpochGroupAlias"):
            length = arguments[1].strip("'")
            length = int(length[:-1]) * seconds[length[-1]]
            value = f"extract(epoch from {arguments[0]})" if name.startswith("time") else f"({arguments[0]})"
            return f"floor({value}/{length})*{length}" + (' AS "time"' if name.endswith("Alias") else "")
        column = arguments[0]
        return {
            "time": f'{column} AS "time"',
            "timeEpoch": f'extract(epoch from {column}) as "time"',
            "timeFilter": f"{column} BETWEEN '{time(FROM)}' AND '{time(TO)}'",
            "timeFrom": f"'{time(FROM)}'",
            "timeTo": f"'{time(TO)}'",
            "unixEpochFilter": f"{column} >= {int(FROM.timestamp())} AND {column} <= {int(TO.timestamp())}",
            "unixEpochNanoFilter": f"{column} >= {int(FROM.timestamp())}000000000 AND {column} <= {int(TO.timestamp())}000000000",
        }[name]

    return re.sub(r"\$__(\w+)\(([^)]*)\)", macro, sql)


def is_ours():
    return "netsky" in exchange("SELECT version()")[1][0][0]


def dashboard():
    dashboard = json.loads(DASHBOARD.read_text())
    agent = [variable for variable in dashboard["templating"]["list"] if variable["name"] == "agent"][0]
    agents = [row[0] for row in exchange(agent["query"])[1]]
    assert len(agents) > 3 and agents == sorted(agents), agents
    return dashboard, agents


def check_panels():
    if not is_ours():
        return
    board, agents = dashboard()
    found, faults = {}, []
    for panel in board["panels"]:
        for target in panel["targets"]:
            try:
                columns, rows = exchange(expand(target["rawSql"], agents))
                unknown = set(columns.values()) - set(KNOWN)
                assert not unknown, f"types {unknown}"
                types = {name: KNOWN[oid] for name, oid in columns.items()}
                if target["format"] == "time_series":
                    assert types["time"] in NUMBERS | {"timestamptz"}, types
                    assert types.get("metric", "text") == "text", types
                    values = [name for name in types if name not in ("time", "metric")]
                    assert values and all(types[name] in NUMBERS for name in values), types
                    times = [float(row[0]) for row in rows]
                    assert times == sorted(times), "not in order of time"
                    assert all(FROM.timestamp() - INTERVAL <= time <= TO.timestamp() for time in times), times
                assert rows, "no rows"
                found.setdefault((panel["title"], panel["type"]), (list(types), rows))
            except Exception as error:
                faults.append(f"{panel['title']}: {error!r}")
    assert not faults, "\n".join(faults)
    # The charts add up to the figures above them.
    figure = lambda title: float(found[title, "stat"][1][0][0])
    total = lambda title, column: sum(float(row[column] or 0) for row in found[title, "timeseries"][1])
    close = lambda one, other: abs(one - other) <= 1e-9 * max(abs(one), 1) or (_ for _ in ()).throw(AssertionError(f"{one}, not {other}"))
    close(total("Cost by model", 2), figure("Cost"))
    close(total("Tokens", 1) + total("Tokens", 2), figure("Tokens"))
    close(total("Model calls by agent", 2), figure("Model calls"))
    calls, failed = total("Tool calls", 1) + total("Tool calls", 2), total("Tool calls", 2)
    close(failed / calls, figure("Failed tool calls"))
    close(sum(float(row[2]) for row in found["Slow tools", "table"][1]), calls)
    close(len(found["Stuck", "table"][1]), figure("Stuck"))
    # Half the agents have less.
    some = float(exchange(expand(board["panels"][2]["targets"][0]["rawSql"], agents[:2]))[1][0][0])
    assert 0 < some < figure("Model calls"), some
    exchange(expand(board["annotations"]["list"][0]["target"]["rawSql"], agents))


def check_every_macro():
    cases = [
        ("SELECT $__time(ts_utc), id FROM messages LIMIT 1", "time"),
        ("SELECT $__timeEpoch(ts_utc), id FROM messages LIMIT 1", "time"),
        ("SELECT $__timeGroup(ts_utc,'5m'), count(*) FROM messages WHERE $__timeFilter(ts_utc) GROUP BY time ORDER BY time", "time"),
        ("SELECT $__timeGroupAlias(ts_utc,'1d'), source AS metric, count(*) FROM messages GROUP BY 1, 2 ORDER BY 1", "time"),
        ('SELECT $__timeGroup(ts_utc, $__interval) AS "time", avg(length(body)) FROM messages GROUP BY "time" ORDER BY "time"', "time"),
        ("SELECT count(*) FROM messages WHERE ts_utc >= $__timeFrom() AND ts_utc < $__timeTo()", "count"),
        ("SELECT count(*) FROM messages WHERE $__unixEpochFilter(id)", "count"),
        ("SELECT $__unixEpochGroupAlias(id, '10s'), sum(id) FROM messages GROUP BY 1 ORDER BY 1", "time"),
        ("SELECT $__interval_ms AS n", "n"),
        ("SELECT count(*) FROM messages WHERE source IN ($agent)", "count"),
    ]
    for sql, name in cases:
        columns, _ = exchange(expand(sql, ["agent", "it's"]))
        equal(list(columns)[0], name, sql)


def check_several_statements_in_one_message():
    columns, rows = exchange("SET application_name = 'grafana'; SELECT 1 AS a; SELECT source AS metric, count(*) AS value FROM messages GROUP BY 1 ORDER BY 1;")
    equal((list(columns), len(rows) > 1), (["metric", "value"], True))


IN_PATH = """quote_ident(table_schema) IN (
          SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i, string_to_array(current_setting('search_path'),',') s)"""


def check_the_query_editor():
    columns, rows = exchange("SELECT current_setting('server_version_num')::int/100 as version")
    assert int(float(rows[0][0])) >= 1200, rows
    equal(exchange("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")[1], [])
    _, rows = exchange("""SELECT schema_name AS "name" FROM information_schema.schemata
        WHERE schema_name NOT IN ('information_schema', 'pg_catalog', 'pg_toast', '_timescaledb_cache') ORDER BY schema_name""")
    assert ["public"] in rows, rows
    _, rows = exchange("""SELECT quote_ident(table_name) AS "table" FROM information_schema.tables
        WHERE quote_ident(table_schema) = 'public' ORDER BY 1""")
    assert ["messages"] in rows and ["v_agent_sessions"] in rows, rows
    _, rows = exchange(f"""SELECT CASE WHEN {IN_PATH} THEN quote_ident(table_name)
          ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table"
        FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog')
        ORDER BY CASE WHEN {IN_PATH} THEN 0 ELSE 1 END, 1""")
    assert ["messages"] in rows, rows
    for table in ["messages", "public.messages"]:
        _, rows = exchange(f"""SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns
            WHERE CASE WHEN array_length(parse_ident('{table}'),1) = 2
              THEN quote_ident(table_schema) = (parse_ident('{table}'))[1] AND quote_ident(table_name) = (parse_ident('{table}'))[2]
              ELSE quote_ident(table_name) = '{table}' AND {IN_PATH} END""")
        equal(sorted(map(tuple, rows))[:3], [("body", "text"), ("chat_id", "text"), ("direction", "text")], table)
        assert ["ts_utc", "timestamp with time zone"] in rows and ["id", "bigint"] in rows, rows
    equal(exchange("SELECT 1")[1], [["1"]])


run(globals())
