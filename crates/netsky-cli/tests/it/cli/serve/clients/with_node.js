// node-postgres: SCRIPT URL [NAME]

const assert = require("assert");
const { Client, Pool, types } = require("pg");
const Cursor = require("pg-cursor");

const url = process.argv[2];
const ENDLESS =
  "SELECT count(*) FROM messages a, messages b, messages c, messages d WHERE a.id + b.id + c.id + d.id < 0";

async function connected(work, options = {}) {
  const client = new Client({ connectionString: url, ...options });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

const code = (expected) => (error) => error.code === expected || assert.fail(`${error.code}, not ${expected}: ${error.message}`);

const checks = {
  async rows() {
    await connected(async (client) => {
      const { rows, fields, command, rowCount } = await client.query(
        "SELECT id, ts_utc, body, chat_id, id > 5 AS big, CAST(id AS double precision) / 4 AS quarter FROM messages WHERE id = 3",
      );
      // Numbers of 64 bits are texts, because JavaScript has none.
      assert.deepStrictEqual(rows, [
        { id: "3", ts_utc: new Date("2026-04-15T00:03:00Z"), body: "message 3", chat_id: null, big: false, quarter: 0.75 },
      ]);
      assert.deepStrictEqual(fields.map((field) => field.dataTypeID), [20, 1184, 25, 25, 16, 701]);
      assert.deepStrictEqual([command, rowCount], ["SELECT", 1]);
      const odd = await client.query("SELECT body FROM messages WHERE id <= 2 ORDER BY id");
      assert.deepStrictEqual(odd.rows, [{ body: 'naïve 🦀 "quoted" \\ back\ttab\nline' }, { body: "" }]);
      assert.strictEqual((await client.query("SELECT id FROM messages")).rows.length, 1000);
      assert.deepStrictEqual((await client.query("SELECT id FROM messages WHERE false")).rows, []);
    });
  },

  async arrays_rows_and_parsers() {
    await connected(async (client) => {
      const { rows } = await client.query({ text: "SELECT 1 AS a, 'x' AS a", rowMode: "array" });
      assert.deepStrictEqual(rows.map((row) => row.map(String)), [["1", "x"]]);
      const lists = await client.query(
        "SELECT ARRAY['a', 'b,c', NULL] AS texts, ARRAY[1, 2] AS numbers, decode('00ff', 'hex') AS bytes, CAST('1.50' AS decimal(10, 2)) AS d",
      );
      assert.deepStrictEqual(lists.rows[0].texts, ["a", "b,c", null]);
      assert.deepStrictEqual(lists.rows[0].numbers.map(Number), [1, 2]);
      assert.deepStrictEqual([...lists.rows[0].bytes], [0, 255]);
      assert.strictEqual(lists.rows[0].d, "1.50");
      const own = { getTypeParser: (oid, format) => (oid === 20 ? BigInt : types.getTypeParser(oid, format)) };
      assert.deepStrictEqual((await client.query({ text: "SELECT max(id) AS n FROM messages", types: own })).rows, [{ n: 1000n }]);
      const interval = await client.query("SELECT INTERVAL '1 year 2 days 03:04:05' AS value");
      assert.deepStrictEqual({ ...interval.rows[0].value }, { years: 1, days: 2, hours: 3, minutes: 4, seconds: 5 });
    });
    await connected(
      async (client) => {
        const { rows } = await client.query("SELECT id, body, id > 5 AS big FROM messages WHERE id = $1", [3]);
        assert.deepStrictEqual(rows, [{ id: rows[0].id, body: "message 3", big: false }]);
        assert.strictEqual(Number(rows[0].id), 3);
      },
      { binary: true },
    );
  },

  async parameters() {
    await connected(async (client) => {
      const count = async (condition, values) => {
        const { rows } = await client.query(`SELECT count(*) AS n FROM messages WHERE ${condition}`, values);
        return Number(rows[0].n);
      };
      assert.strictEqual(await count("id = $1", [3]), 1);
      assert.strictEqual(await count("id = ANY($1)", [[1, 2, 5000]]), 2);
      assert.strictEqual(await count("source = ANY($1)", [["agent", "email"]]), 667);
      assert.strictEqual(await count("source = ANY($1::text[])", [["agent", "email"]]), 667);
      assert.strictEqual(await count("source = $1 AND ts_utc >= $2", ["agent", new Date("2026-04-15T01:00:00Z")]), 314);
      assert.strictEqual(await count("$1::text IS NULL", [null]), 1000);
      assert.strictEqual(await count("(id > $1) = $2", [500, true]), 500);
      assert.strictEqual(await count("id < $1", [7.5].map(Math.ceil)), 7);
      assert.strictEqual(await count("body LIKE $1", ["%🦀%"]), 1);
      const { rows } = await client.query("SELECT $1::text AS a, $2::int AS b, $3::jsonb AS c, $4::bytea AS d", ["x", 2, { k: 1 }, Buffer.from([0, 255])]);
      assert.deepStrictEqual([rows[0].a, rows[0].b], ["x", 2]);
      assert.deepStrictEqual([...rows[0].d], [0, 255]);
      assert.deepStrictEqual((await client.query("SELECT id FROM messages ORDER BY id LIMIT $1", [2])).rows, [{ id: "1" }, { id: "2" }]);
      for (const id of [3, 4, 5]) {
        const named = await client.query({ name: "by-id", text: "SELECT body FROM messages WHERE id = $1", values: [id] });
        assert.strictEqual(named.rows[0].body, `message ${id}`);
      }
    });
  },

  async several_statements() {
    await connected(async (client) => {
      const results = await client.query("SELECT 1 AS a; SELECT 'two' AS b; SELECT 3 AS c WHERE false");
      assert.deepStrictEqual(results.map((result) => result.rows.length), [1, 1, 0]);
    });
  },

  async errors_and_writes() {
    await connected(async (client) => {
      await assert.rejects(client.query("SELECT * FROM absent"), code("42P01"));
      await assert.rejects(client.query("SELECT absent FROM messages WHERE id = $1", [1]), code("42703"));
      await assert.rejects(client.query("SELEC 1"), code("42601"));
      for (const sql of ["INSERT INTO ticks (source) VALUES ('x')", "DELETE FROM messages", "CREATE TABLE more (a bigint)", "DROP TABLE messages", "UPDATE messages SET body = ''"]) {
        await assert.rejects(client.query(sql), code("25006"));
      }
      await assert.rejects(client.query("INSERT INTO ticks (source) VALUES ($1)", ["x"]), code("25006"));
      await client.query("BEGIN");
      await assert.rejects(client.query("SELECT * FROM absent"), code("42P01"));
      await assert.rejects(client.query("SELECT 1"), code("25P02"));
      await client.query("ROLLBACK");
      assert.strictEqual((await client.query("SELECT count(*) AS n FROM messages")).rows[0].n, "1000");
    });
  },

  async cursor() {
    await connected(async (client) => {
      const cursor = client.query(new Cursor("SELECT id FROM messages WHERE id > $1 ORDER BY id", [10]));
      const first = await cursor.read(10);
      assert.deepStrictEqual(first.map((row) => row.id), [...Array(10).keys()].map((n) => String(n + 11)));
      let count = first.length;
      for (let rows = await cursor.read(300); rows.length; rows = await cursor.read(300)) count += rows.length;
      assert.strictEqual(count, 990);
      await cursor.close();
      const left = client.query(new Cursor("SELECT a.id FROM messages a, messages b"));
      assert.strictEqual((await left.read(5)).length, 5);
      await left.close();
      assert.strictEqual((await client.query("SELECT 1 AS one")).rows.length, 1);
    });
  },

  async cancel() {
    await connected(
      async (client) => {
        await assert.rejects(client.query(ENDLESS), code("57014"));
        assert.strictEqual((await client.query("SELECT 1 AS one")).rows.length, 1);
      },
      { statement_timeout: 300 },
    );
    await connected(async (client) => {
      const running = client.query(ENDLESS);
      running.catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { host, port, processID, secretKey } = client;
      const other = new Client({ connectionString: url });
      // What `client.cancel` does, which wants the query's object.
      other.connection.on("connect", () => other.connection.cancel(processID, secretKey));
      other.connection.on("error", () => {});
      other.connection.connect(port, host);
      await assert.rejects(running, code("57014"));
      assert.strictEqual((await client.query("SELECT 1 AS one")).rows.length, 1);
    });
  },

  async pool() {
    const pool = new Pool({ connectionString: url, max: 3, application_name: "check" });
    const numbers = [...Array(20).keys()];
    const found = await Promise.all(numbers.map((n) => pool.query("SELECT count(*) AS n FROM messages WHERE id <= $1", [n])));
    assert.deepStrictEqual(found.map((result) => Number(result.rows[0].n)), numbers);
    assert.strictEqual((await pool.query("SHOW application_name")).rows[0].application_name, "check");
    await pool.end();
  },
};

(async () => {
  let failed = 0;
  const named = Object.entries(checks).filter(([name]) => !process.argv[3] || name === process.argv[3]);
  for (const [name, check] of named) {
    try {
      await check();
    } catch (error) {
      failed += 1;
      console.log(`--- ${name}\n${error.stack}`);
    }
  }
  console.log(`${named.length - failed} passed, ${failed} failed`);
  process.exit(failed || !named.length ? 1 : 0);
})();
