-- What psql prints is in psql.txt, as PostgreSQL 15 with the same tables answers.
\pset pager off
\set VERBOSITY terse
\echo == queries
SELECT id, ts_utc, source, chat_id, id > 5 AS big FROM messages WHERE id IN (3, 8) ORDER BY id;
SELECT body FROM messages WHERE id <= 2 ORDER BY id;
SELECT source, count(*) FROM messages GROUP BY source ORDER BY 1;
SELECT 1 AS one \; SELECT 'two' AS two;
SELECT id, source FROM messages WHERE id = 1 \gx
SELECT 'messages' AS name \gset
SELECT count(*) FROM :"name" WHERE source = :'name';
SELECT format('SELECT %s AS %s', n, chr(96 + n)) FROM (VALUES (1), (2)) AS t (n) ORDER BY n \gexec
SELECT id, source, direction FROM messages WHERE id < 7 \crosstabview source direction id
SELECT id, ts_utc, source, id > 5 AS big, CAST(id AS double precision) AS x, CAST(id AS decimal(10, 2)) AS d, CAST(ts_utc AS date) AS day, INTERVAL '1 day' AS i, ARRAY['a'] AS l FROM messages WHERE false \gdesc
SELECT 1 AS absent_rows WHERE false;
\echo == errors
SELECT * FROM absent;
\echo :SQLSTATE :ERROR :LAST_ERROR_SQLSTATE
SELECT absent FROM messages;
\echo :SQLSTATE
SELEC 1;
\echo :SQLSTATE
DELETE FROM messages;
\echo :SQLSTATE
INSERT INTO messages SELECT * FROM messages;
\echo :SQLSTATE
DROP TABLE messages;
\echo :SQLSTATE
CREATE TEMP TABLE more AS SELECT 1;
\echo :SQLSTATE
SELECT 1 / (id - id) FROM messages;
\echo :SQLSTATE
\copy messages from '/dev/null'
\echo :SQLSTATE
SELECT 'after' AS after;
\echo :SQLSTATE :ROW_COUNT
\echo == copy
\copy (SELECT id, body, chat_id FROM messages WHERE id IN (1, 2, 4) ORDER BY id) to stdout
\copy (SELECT id, body, chat_id FROM messages WHERE id IN (1, 2, 4) ORDER BY id) to stdout with (format csv, header)
COPY (SELECT 1, NULL, true) TO STDOUT;
\echo == cursors
\set FETCH_COUNT 7
SELECT sum(n) AS sum FROM (SELECT id AS n FROM messages) AS t;
\pset format unaligned
\pset tuples_only on
SELECT id FROM messages WHERE id < 30 ORDER BY id;
SELECT * FROM absent;
\pset format aligned
\pset tuples_only off
\unset FETCH_COUNT
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM messages ORDER BY id;
FETCH 2 FROM c;
MOVE 5 IN c;
FETCH c;
CLOSE c;
COMMIT;
\echo == transactions
BEGIN;
SELECT * FROM absent;
SELECT 1;
COMMIT;
BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED READ ONLY;
SAVEPOINT s;
SELECT * FROM absent;
ROLLBACK TO s;
SELECT 'kept' AS kept;
END;
COMMIT;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT * FROM absent;
SELECT 'kept' AS kept;
COMMIT;
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT off
SELECT 1 AS one;
COMMIT;
\set AUTOCOMMIT on
\echo == settings
SHOW TimeZone;
SHOW client_encoding;
SET statement_timeout = '200ms';
SELECT count(*) FROM messages a, messages b, messages c, messages d WHERE a.id + b.id + c.id + d.id < 0;
\echo :SQLSTATE
RESET statement_timeout;
SHOW statement_timeout;
\encoding
\echo == names
\dt messages
\d messages
\d+ crashes
\d messages_pkey
\dv v_agent_sessions
\d absent
\dt absent
\di
\ds
\dn
\dt public.mess*
\df absent
\dx absent
\dT absent
\sv absent
