"""pgcli: what it asks to complete names, and its own commands."""

import urllib.parse

from check import URL, equal, run
from pgcli.pgexecute import PGExecute
from pgspecial.main import PGSpecial

url = urllib.parse.urlparse(URL)
execute = PGExecute(database="netsky", user=url.username, password=url.password, host=url.hostname, port=str(url.port), notify_callback=None)


def check_names_for_completion():
    assert ("public", "messages") in list(execute.tables())
    assert ("public", "v_agent_sessions") in list(execute.views())
    assert "public" in list(execute.schemata())
    equal(execute.search_path()[-1], "public")
    columns = [tuple(column)[:4] for column in execute.table_columns()]
    assert ("public", "messages", "ts_utc", "timestamp with time zone") in columns, columns[:5]
    assert any(tuple(column)[1] == "v_agent_sessions" for column in execute.view_columns())
    assert "netsky" in list(execute.databases())
    equal(list(execute.foreignkeys()), [])
    list(execute.functions())
    list(execute.datatypes())
    list(execute.casing())
    assert "agent" in execute.view_definition("public.v_agent_sessions")
    assert execute.server_version and execute.get_timezone() == "UTC"


def check_statements_and_commands():
    special = PGSpecial()

    def answer(sql):
        return [(rows and list(rows), status) for _, rows, _, status, *_ in execute.run(sql, special)]

    equal(answer("SELECT 1; SELECT id FROM messages WHERE id < 3 ORDER BY id"), [([(1,)], "SELECT 1"), ([(1,), (2,)], "SELECT 2")])
    for command in ["\\d", "\\d messages", "\\d+ messages", "\\dt", "\\dt+", "\\dv", "\\dn", "\\du", "\\df", "\\dT", "\\l", "\\di", "\\ds", "\\dx", "\\dp", "\\db", "\\ddp", "\\dD"]:
        for _, rows, headers, status, sql, success, is_special, *_ in execute.run(command, special):
            assert success is not False, f"{command}: {status}"
            rows and list(rows)


run(globals())
