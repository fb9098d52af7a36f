// pgjdbc: java WithJdbc.java JDBC_URL USER PASSWORD [NAME]

import java.math.BigDecimal;
import java.sql.*;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.TreeSet;

public class WithJdbc {
    static final String ENDLESS =
        "SELECT count(*) FROM messages a, messages b, messages c, messages d WHERE a.id + b.id + c.id + d.id < 0";
    static final List<String> TABLES = List.of(
        "cli_invocations", "clone_dispatches", "communication_events", "crashes", "git_operations", "harvest_events",
        "mcp_tool_calls", "messages", "owner_directives", "sessions", "ticks", "token_usage", "watchdog_events", "workspaces");

    interface Work {
        void run() throws Exception;
    }

    interface Use {
        void with(Connection connection) throws Exception;
    }

    static String url, user, password;

    static void connected(Use use, String... options) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", user);
        properties.setProperty("password", password);
        for (int i = 0; i < options.length; i += 2) properties.setProperty(options[i], options[i + 1]);
        try (Connection connection = DriverManager.getConnection(url, properties)) {
            use.with(connection);
        }
    }

    static void equal(Object found, Object expected) {
        if (!Objects.equals(found, expected)) throw new AssertionError(found + ", not " + expected);
    }

    static void fails(String state, Work work) throws Exception {
        try {
            work.run();
        } catch (SQLException error) {
            if (!state.equals(error.getSQLState())) throw new AssertionError(error.getSQLState() + ", not " + state, error);
            return;
        }
        throw new AssertionError("no error");
    }

    static List<List<Object>> rows(ResultSet set) throws SQLException {
        List<List<Object>> rows = new ArrayList<>();
        int columns = set.getMetaData().getColumnCount();
        while (set.next()) {
            List<Object> row = new ArrayList<>();
            for (int i = 1; i <= columns; i++) row.add(set.getObject(i));
            rows.add(row);
        }
        return rows;
    }

    static List<List<Object>> rows(Connection connection, String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet set = statement.executeQuery(sql)) {
            return rows(set);
        }
    }

    static Object one(Connection connection, String sql) throws SQLException {
        return rows(connection, sql).get(0).get(0);
    }

    static List<Object> column(ResultSet set, String name) throws SQLException {
        List<Object> values = new ArrayList<>();
        while (set.next()) values.add(set.getObject(name));
        return values;
    }

    static void statements(Connection connection) throws Exception {
        equal(one(connection, "SELECT body FROM messages WHERE id = 1"), "naïve 🦀 \"quoted\" \\ back\ttab\nline");
        equal(rows(connection, "SELECT id, chat_id, id > 5 AS big, CAST(id AS double precision) / 4 FROM messages WHERE id = 3"),
            List.of(Arrays.asList(3L, null, false, 0.75)));
        try (Statement statement = connection.createStatement()) {
            ResultSet set = statement.executeQuery("SELECT id, ts_utc, CAST(ts_utc AS date) AS day, CAST('1.50' AS decimal(10, 2)) AS d, ARRAY[1, 2] AS l, decode('00ff', 'hex') AS b FROM messages WHERE id = 3");
            ResultSetMetaData data = set.getMetaData();
            equal(data.getColumnTypeName(2), "timestamptz");
            equal(data.getColumnType(1), Types.BIGINT);
            equal(data.getColumnLabel(1), "id");
            equal(data.getTableName(1).isEmpty() || data.getTableName(1).equals("messages"), true);
            set.next();
            equal(set.getTimestamp(2).toInstant(), Instant.parse("2026-04-15T00:03:00Z"));
            equal(set.getObject(2, OffsetDateTime.class), OffsetDateTime.of(2026, 4, 15, 0, 3, 0, 0, ZoneOffset.UTC));
            equal(set.getDate(3).toLocalDate(), LocalDate.of(2026, 4, 15));
            equal(set.getObject(3, LocalDate.class), LocalDate.of(2026, 4, 15));
            equal(set.getBigDecimal(4), new BigDecimal("1.50"));
            equal(((Object[]) set.getArray(5).getArray()).length, 2);
            equal(Arrays.equals(set.getBytes(6), new byte[] {0, (byte) 0xff}), true);
            equal(set.next(), false);
            // In the other modes the driver does not ask for so many.
            if (connection.unwrap(org.postgresql.core.BaseConnection.class).getPreferQueryMode().value().equals("extended")) {
                statement.setMaxRows(7);
                equal(rows(statement.executeQuery("SELECT id FROM messages")).size(), 7);
                statement.setMaxRows(0);
            }
            equal(statement.execute("SELECT 1; SELECT 2"), true);
            equal(statement.getMoreResults(), true);
            equal(((Number) rows(statement.getResultSet()).get(0).get(0)).intValue(), 2);
        }
        fails("42P01", () -> one(connection, "SELECT * FROM absent"));
        fails("42703", () -> one(connection, "SELECT absent FROM messages"));
        fails("42601", () -> one(connection, "SELEC 1"));
    }

    static void prepared(Connection connection) throws Exception {
        // After five uses pgjdbc prepares on the server, and reads in binary.
        String sql = "SELECT id, ts_utc, body, id > 5 AS big, CAST(id AS double precision) / 4 AS quarter, CAST(id AS decimal(20, 4)) AS d, CAST(ts_utc AS date) AS day, ARRAY[id] AS l, ARRAY[body] AS t, decode('00ff', 'hex') AS b, CAST(id AS smallint) AS s, CAST(id AS real) AS r, TIME '12:34:56' AS time, TIMESTAMP '1969-12-31 23:59:59.999999' AS plain FROM messages WHERE id = ? AND source = ? AND ts_utc >= ?";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            String first = null;
            for (int i = 0; i < 8; i++) {
                statement.setLong(1, 3);
                statement.setString(2, "agent");
                statement.setTimestamp(3, Timestamp.from(Instant.parse("2026-04-15T00:00:00Z")));
                ResultSet set = statement.executeQuery();
                equal(set.next(), true);
                StringBuilder text = new StringBuilder();
                for (int c = 1; c <= set.getMetaData().getColumnCount(); c++) {
                    Object value = set.getObject(c);
                    if (value instanceof java.sql.Array list) value = Arrays.toString((Object[]) list.getArray());
                    if (value instanceof byte[] bytes) value = Arrays.toString(bytes);
                    text.append(value).append('|');
                }
                if (first == null) first = text.toString();
                equal(text.toString(), first);
                equal(set.getTimestamp(2).toInstant(), Instant.parse("2026-04-15T00:03:00Z"));
            }
        }
        Object[][] cases = {
            {"id = ?", 7L, 1L}, {"id = ?", 7, 1L}, {"source = ?", "agent", 333L}, {"id < ?", 7.5, 7L}, {"id < ?", new BigDecimal("7.5"), 7L},
            {"(id > 500) = ?", true, 500L}, {"body LIKE ?", "%🦀%", 1L}, {"ts_utc >= ?", OffsetDateTime.parse("2026-04-15T01:00:00Z"), 941L},
            {"CAST(ts_utc AS date) = ?", LocalDate.of(2026, 4, 15), 1000L}, {"ts_utc < ?", Date.valueOf("2026-04-16"), 1000L},
        };
        for (Object[] row : cases) {
            // In its simple mode the driver writes a day with a zone, in quotes.
            var mode = connection.unwrap(org.postgresql.core.BaseConnection.class).getPreferQueryMode().value();
            if (row[1] instanceof Date && mode.equals("simple")) continue;
            try (PreparedStatement statement = connection.prepareStatement("SELECT count(*) FROM messages WHERE " + row[0])) {
                statement.setObject(1, row[1]);
                for (int i = 0; i < 6; i++) {
                    ResultSet set = statement.executeQuery();
                    set.next();
                    if (set.getLong(1) != (Long) row[2]) throw new AssertionError(row[0] + " " + row[1] + ": " + set.getLong(1));
                }
            } catch (SQLException error) {
                throw new AssertionError(row[0] + " " + row[1], error);
            }
        }
        try (PreparedStatement statement = connection.prepareStatement("SELECT count(*) FROM messages WHERE id = ANY(?) AND source = ANY(?)")) {
            statement.setArray(1, connection.createArrayOf("bigint", new Long[] {1L, 2L, 3L}));
            statement.setArray(2, connection.createArrayOf("text", new String[] {"agent", "email"}));
            equal(rows(statement.executeQuery()).get(0).get(0), 2L);
        }
        try (PreparedStatement statement = connection.prepareStatement("SELECT id FROM messages WHERE chat_id IS NOT DISTINCT FROM ? ORDER BY id LIMIT ? OFFSET ?")) {
            statement.setNull(1, Types.VARCHAR);
            statement.setInt(2, 2);
            statement.setLong(3, 1);
            equal(rows(statement.executeQuery()), List.of(List.of(2L), List.of(3L)));
            equal(statement.getMetaData().getColumnName(1), "id");
            equal(statement.getParameterMetaData().getParameterCount(), 3);
        }
    }

    static void parts(Connection connection) throws Exception {
        connection.setAutoCommit(false);
        try (PreparedStatement statement = connection.prepareStatement("SELECT id, body FROM messages WHERE id > ? ORDER BY id")) {
            statement.setFetchSize(70);
            statement.setLong(1, 10);
            ResultSet set = statement.executeQuery();
            long sum = 0;
            while (set.next()) {
                sum += set.getLong(1);
                // A query between two parts.
                if (set.getLong(1) == 500) equal(one(connection, "SELECT 'between'"), "between");
            }
            equal(sum, 500500L - 55);
        }
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(10);
            ResultSet set = statement.executeQuery("SELECT a.id FROM messages a, messages b");
            for (int i = 0; i < 25; i++) set.next();
        }
        connection.commit();
        fails("42P01", () -> one(connection, "SELECT * FROM absent"));
        fails("25P02", () -> one(connection, "SELECT 1"));
        connection.rollback();
        Savepoint savepoint = connection.setSavepoint("mine");
        fails("42P01", () -> one(connection, "SELECT * FROM absent"));
        connection.rollback(savepoint);
        equal(one(connection, "SELECT 'after'"), "after");
        connection.rollback();
        connection.setAutoCommit(true);
    }

    static void sessions(Connection connection) throws Exception {
        connection.setReadOnly(true);
        equal(one(connection, "SELECT 'x'"), "x");
        connection.setAutoCommit(false);
        equal(one(connection, "SELECT 'x'"), "x");
        connection.commit();
        for (int level : new int[] {Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_READ_COMMITTED}) {
            connection.setTransactionIsolation(level);
            equal(connection.getTransactionIsolation(), level);
            connection.commit();
        }
        connection.setAutoCommit(true);
        connection.setReadOnly(false);
        equal(connection.isValid(5), true);
        connection.setSchema("public");
        equal(connection.getSchema(), "public");
        equal(connection.getCatalog(), "netsky");
        connection.setClientInfo("ApplicationName", "check");
        equal(one(connection, "SHOW application_name"), "check");
    }

    static void cancel(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            fails("57014", () -> statement.executeQuery(ENDLESS));
            statement.setQueryTimeout(0);
            Thread thread = new Thread(() -> {
                try {
                    Thread.sleep(300);
                    statement.cancel();
                } catch (Exception error) {
                    error.printStackTrace();
                }
            });
            thread.start();
            fails("57014", () -> statement.executeQuery(ENDLESS));
            thread.join();
            equal(rows(statement.executeQuery("SELECT 'after'")).size(), 1);
        }
    }

    static void writes(Connection connection) throws Exception {
        for (String sql : List.of("INSERT INTO ticks (source) VALUES ('x')", "UPDATE messages SET body = ''", "DELETE FROM messages", "DROP TABLE messages", "CREATE TABLE more (a bigint)", "TRUNCATE messages")) {
            try (Statement statement = connection.createStatement()) {
                fails("25006", () -> statement.executeUpdate(sql));
            }
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                fails("25006", () -> statement.execute());
            }
        }
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO ticks (source) VALUES (?)")) {
            for (String value : List.of("a", "b")) {
                statement.setString(1, value);
                statement.addBatch();
            }
            fails("25006", () -> statement.executeBatch());
        }
        equal(one(connection, "SELECT count(*) FROM messages"), 1000L);
    }

    static void metadata(Connection connection) throws Exception {
        DatabaseMetaData data = connection.getMetaData();
        equal(data.getDatabaseProductName(), "PostgreSQL");
        equal(data.getDatabaseMajorVersion() >= 12, true);
        equal(column(data.getSchemas(), "TABLE_SCHEM").contains("public"), true);
        equal(column(data.getSchemas(null, "pub%"), "TABLE_SCHEM"), List.of("public"));
        equal(column(data.getCatalogs(), "TABLE_CAT").contains("netsky"), true);
        equal(column(data.getTableTypes(), "TABLE_TYPE").contains("TABLE"), true);
        equal(column(data.getTables(null, "public", "%", new String[] {"TABLE"}), "TABLE_NAME"), TABLES);
        equal(column(data.getTables("netsky", "public", "mess%", new String[] {"TABLE"}), "REMARKS"), List.of("Messages to and from agents, on every channel."));
        equal(column(data.getTables(null, "public", "v\\_agent\\_sessions", new String[] {"VIEW"}), "TABLE_TYPE"), List.of("VIEW"));
        equal(rows(data.getTables(null, null, "%", null)).size() > 20, true);
        equal(column(data.getColumns(null, "public", "messages", "%"), "COLUMN_NAME"), List.of("id", "ts_utc", "source", "direction", "chat_id", "from_agent", "to_agent", "body", "raw_json"));
        equal(column(data.getColumns(null, "public", "messages", "%"), "TYPE_NAME").subList(0, 3), List.of("int8", "timestamptz", "text"));
        equal(column(data.getColumns(null, "public", "messages", "body"), "REMARKS"), List.of("Its text."));
        equal(column(data.getColumns(null, "public", "messages", "%"), "IS_NULLABLE").subList(0, 5), List.of("NO", "NO", "NO", "NO", "YES"));
        equal(column(data.getColumns(null, "public", "messages", "id"), "IS_AUTOINCREMENT").size(), 1);
        equal(rows(data.getColumns(null, null, "%", "%")).size() > 100, true);
        equal(column(data.getPrimaryKeys(null, "public", "messages"), "COLUMN_NAME"), List.of("id"));
        equal(column(data.getPrimaryKeys("netsky", "public", "messages"), "KEY_SEQ").toString(), "[1]");
        for (boolean unique : new boolean[] {true, false})
            equal(column(data.getIndexInfo(null, "public", "messages", unique, true), "COLUMN_NAME"), List.of("id"));
        equal(rows(data.getImportedKeys(null, "public", "messages")), List.of());
        equal(rows(data.getExportedKeys(null, "public", "messages")), List.of());
        equal(rows(data.getCrossReference(null, "public", "messages", null, "public", "ticks")), List.of());
        equal(column(data.getBestRowIdentifier(null, "public", "messages", DatabaseMetaData.bestRowSession, true), "COLUMN_NAME"), List.of("id"));
        rows(data.getVersionColumns(null, "public", "messages"));
        List<Object> names = column(data.getTypeInfo(), "TYPE_NAME");
        for (String name : List.of("int8", "text", "bool", "timestamptz", "float8", "numeric", "date", "bytea", "interval"))
            if (!names.contains(name)) throw new AssertionError("no type " + name + " in " + names);
        rows(data.getFunctions(null, null, "%"));
        rows(data.getFunctionColumns(null, null, "lower", "%"));
        rows(data.getProcedures(null, null, "%"));
        rows(data.getProcedureColumns(null, null, "lower", "%"));
        rows(data.getTablePrivileges(null, "public", "messages"));
        rows(data.getColumnPrivileges(null, "public", "messages", "%"));
        rows(data.getUDTs(null, "public", "%", null));
        rows(data.getClientInfoProperties());
        equal(data.getMaxColumnNameLength() > 0, true);
        equal(data.getMaxIndexLength() >= 0, true);
        equal(data.getSQLKeywords().isEmpty(), false);
        equal(data.getUserName().isEmpty(), false);
        equal(data.getDefaultTransactionIsolation(), Connection.TRANSACTION_READ_COMMITTED);
    }

    static void copy(Connection connection) throws Exception {
        var manager = new org.postgresql.copy.CopyManager(connection.unwrap(org.postgresql.core.BaseConnection.class));
        var out = new java.io.ByteArrayOutputStream();
        equal(manager.copyOut("COPY (SELECT id, body FROM messages WHERE id IN (2, 3) ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)", out), 2L);
        equal(out.toString("UTF-8"), "id,body\n2,\"\"\n3,message 3\n");
        fails("25006", () -> manager.copyIn("COPY messages FROM STDIN", new java.io.StringReader("1\n")));
    }

    static void pooled() throws Exception {
        for (int i = 0; i < 10; i++) connected(connection -> equal(one(connection, "SELECT 'x'"), "x"));
    }

    public static void main(String[] args) throws Exception {
        url = args[0];
        user = args[1];
        password = args[2];
        Map<String, Work> checks = new LinkedHashMap<>();
        Map<String, Use> uses = new LinkedHashMap<>();
        uses.put("statements", WithJdbc::statements);
        uses.put("prepared", WithJdbc::prepared);
        uses.put("parts", WithJdbc::parts);
        uses.put("sessions", WithJdbc::sessions);
        uses.put("cancel", WithJdbc::cancel);
        uses.put("writes", WithJdbc::writes);
        uses.put("metadata", WithJdbc::metadata);
        uses.put("copy", WithJdbc::copy);
        for (String mode : List.of("extended", "simple", "extendedForPrepared", "extendedCacheEverything"))
            uses.forEach((name, use) -> {
                // The driver reads these answers in its own protocol in any mode.
                if (mode.equals("extended") || List.of("statements", "prepared", "parts", "writes").contains(name))
                    checks.put(name + " " + mode, () -> connected(use, "preferQueryMode", mode));
            });
        checks.put("metadata in binary", () -> connected(WithJdbc::metadata, "prepareThreshold", "-1"));
        checks.put("prepared in binary", () -> connected(WithJdbc::prepared, "prepareThreshold", "-1"));
        checks.put("pooled", WithJdbc::pooled);
        int failed = 0, ran = 0;
        for (var check : checks.entrySet()) {
            if (args.length > 3 && !check.getKey().equals(args[3])) continue;
            ran++;
            try {
                check.getValue().run();
            } catch (Throwable error) {
                failed++;
                System.out.println("--- " + check.getKey());
                error.printStackTrace(System.out);
            }
        }
        System.out.println((ran - failed) + " passed, " + failed + " failed");
        System.exit(failed > 0 || ran == 0 ? 1 : 0);
    }
}
