"""Every row of every table and view by psycopg, in text and in binary, is what the command line prints: SCRIPT URL."""

import datetime
import decimal
import json
import os
import subprocess

import psycopg
from check import URL, run

NETSKY = os.environ["NETSKY"]
UTC = datetime.timezone.utc
# Measured from now.
AGES = {"age_ms", "silent_ms"}


def printed(value):
    """A value as the command line prints it in JSON."""
    match value:
        case datetime.datetime():
            value = value.astimezone(UTC)
            return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
        case datetime.date():
            return value.isoformat()
        case decimal.Decimal():
            return float(value)
    return value


def check_all_rows():
    with psycopg.connect(URL, autocommit=True) as connection:
        names = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1").fetchall()
        assert len(names) == 14 + 11, names
        for (name,) in names:
            columns = [column.name for column in connection.execute(f"SELECT * FROM {name} LIMIT 0").description]
            sql = "SELECT {} FROM {}".format(", ".join(column for column in columns if column not in AGES), name)
            out = subprocess.run([NETSKY, "query", "--format", "ndjson", sql], check=True, capture_output=True, text=True).stdout
            expected = sorted(json.dumps(list(json.loads(line).values())) for line in out.splitlines())
            for binary in [False, True]:
                rows = connection.cursor(binary=binary).execute(sql).fetchall()
                found = sorted(json.dumps([printed(value) for value in row]) for row in rows)
                differing = [pair for pair in zip(found, expected) if pair[0] != pair[1]]
                assert len(found) == len(expected) and not differing, f"{name}, binary {binary}: {len(found)} rows, not {len(expected)}: {differing[:2]}"


run(globals())
