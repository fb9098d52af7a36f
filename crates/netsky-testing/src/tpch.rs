//! TPC-H: its tables as a user declares them, its rows, and its 22 queries.

use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringViewArray};
use chrono::{Datelike, NaiveDate, TimeDelta};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use netsky_db::{ColumnType, Db, Record, Table, Value};
use tpchgen::dates::TPCHDate;
use tpchgen::decimal::TPCHDecimal;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};
use tpchgen::q_and_a::queries;

netsky_db::tables! {
    /// The tables of TPC-H.
    ///
    /// Decimals are floats, because there is no decimal type. In integers of cents, the queries would have
    /// to be other ones: they multiply prices by `1 - l_discount`.
    pub static TPCH_TABLES;

    /// The regions.
    #[table = "region"]
    struct Region {
        r_regionkey: i64,
        r_name: String,
        r_comment: String,
    }

    /// The nations.
    #[table = "nation"]
    struct Nation {
        n_nationkey: i64,
        n_name: String,
        n_regionkey: i64,
        n_comment: String,
    }

    /// The suppliers.
    #[table = "supplier"]
    struct Supplier {
        s_suppkey: i64,
        s_name: String,
        s_address: String,
        s_nationkey: i64,
        s_phone: String,
        s_acctbal: f64,
        s_comment: String,
    }

    /// The customers.
    #[table = "customer"]
    struct Customer {
        c_custkey: i64,
        c_name: String,
        c_address: String,
        c_nationkey: i64,
        c_phone: String,
        c_acctbal: f64,
        c_mktsegment: String,
        c_comment: String,
    }

    /// The parts.
    #[table = "part"]
    struct Part {
        p_partkey: i64,
        p_name: String,
        p_mfgr: String,
        p_brand: String,
        p_type: String,
        p_size: i64,
        p_container: String,
        p_retailprice: f64,
        p_comment: String,
    }

    /// Which supplier has which part.
    #[table = "partsupp"]
    struct PartSupp {
        ps_partkey: i64,
        ps_suppkey: i64,
        ps_availqty: i64,
        ps_supplycost: f64,
        ps_comment: String,
    }

    /// The orders.
    #[table = "orders"]
    struct Order {
        o_orderkey: i64,
        o_custkey: i64,
        o_orderstatus: String,
        o_totalprice: f64,
        o_orderdate: NaiveDate,
        o_orderpriority: String,
        o_clerk: String,
        o_shippriority: i64,
        o_comment: String,
    }

    /// The items of the orders.
    #[table = "lineitem"]
    struct LineItem {
        l_orderkey: i64,
        l_partkey: i64,
        l_suppkey: i64,
        l_linenumber: i64,
        l_quantity: f64,
        l_extendedprice: f64,
        l_discount: f64,
        l_tax: f64,
        l_returnflag: String,
        l_linestatus: String,
        l_shipdate: NaiveDate,
        l_commitdate: NaiveDate,
        l_receiptdate: NaiveDate,
        l_shipinstruct: String,
        l_shipmode: String,
        l_comment: String,
    }
}

/// Takes the rows of one table after the other.
trait Rows {
    fn take<R: Record>(&mut self, rows: impl Iterator<Item = R>);
}

/// Calls `rows` with the rows of each table. At scale 1 there are 6,001,215 items.
fn generate(scale: f64, rows: &mut impl Rows) {
    rows.take(RegionGenerator::new(scale, 1, 1).iter().map(|row| Region {
        r_regionkey: row.r_regionkey,
        r_name: row.r_name.to_owned(),
        r_comment: row.r_comment.to_owned(),
    }));
    rows.take(NationGenerator::new(scale, 1, 1).iter().map(|row| Nation {
        n_nationkey: row.n_nationkey,
        n_name: row.n_name.to_owned(),
        n_regionkey: row.n_regionkey,
        n_comment: row.n_comment.to_owned(),
    }));
    rows.take(SupplierGenerator::new(scale, 1, 1).iter().map(|row| Supplier {
        s_suppkey: row.s_suppkey,
        s_name: row.s_name.to_string(),
        s_address: row.s_address.to_string(),
        s_nationkey: row.s_nationkey,
        s_phone: row.s_phone.to_string(),
        s_acctbal: float(row.s_acctbal),
        s_comment: row.s_comment,
    }));
    rows.take(CustomerGenerator::new(scale, 1, 1).iter().map(|row| Customer {
        c_custkey: row.c_custkey,
        c_name: row.c_name.to_string(),
        c_address: row.c_address.to_string(),
        c_nationkey: row.c_nationkey,
        c_phone: row.c_phone.to_string(),
        c_acctbal: float(row.c_acctbal),
        c_mktsegment: row.c_mktsegment.to_owned(),
        c_comment: row.c_comment.to_owned(),
    }));
    rows.take(PartGenerator::new(scale, 1, 1).iter().map(|row| Part {
        p_partkey: row.p_partkey,
        p_name: row.p_name.to_string(),
        p_mfgr: row.p_mfgr.to_string(),
        p_brand: row.p_brand.to_string(),
        p_type: row.p_type.to_owned(),
        p_size: row.p_size.into(),
        p_container: row.p_container.to_owned(),
        p_retailprice: float(row.p_retailprice),
        p_comment: row.p_comment.to_owned(),
    }));
    rows.take(PartSuppGenerator::new(scale, 1, 1).iter().map(|row| PartSupp {
        ps_partkey: row.ps_partkey,
        ps_suppkey: row.ps_suppkey,
        ps_availqty: row.ps_availqty.into(),
        ps_supplycost: float(row.ps_supplycost),
        ps_comment: row.ps_comment.to_owned(),
    }));
    rows.take(OrderGenerator::new(scale, 1, 1).iter().map(|row| Order {
        o_orderkey: row.o_orderkey,
        o_custkey: row.o_custkey,
        o_orderstatus: row.o_orderstatus.to_string(),
        o_totalprice: float(row.o_totalprice),
        o_orderdate: date(row.o_orderdate),
        o_orderpriority: row.o_orderpriority.to_owned(),
        o_clerk: row.o_clerk.to_string(),
        o_shippriority: row.o_shippriority.into(),
        o_comment: row.o_comment.to_owned(),
    }));
    rows.take(LineItemGenerator::new(scale, 1, 1).iter().map(|row| LineItem {
        l_orderkey: row.l_orderkey,
        l_partkey: row.l_partkey,
        l_suppkey: row.l_suppkey,
        l_linenumber: row.l_linenumber.into(),
        l_quantity: row.l_quantity as f64,
        l_extendedprice: float(row.l_extendedprice),
        l_discount: float(row.l_discount),
        l_tax: float(row.l_tax),
        l_returnflag: row.l_returnflag.to_owned(),
        l_linestatus: row.l_linestatus.to_owned(),
        l_shipdate: date(row.l_shipdate),
        l_commitdate: date(row.l_commitdate),
        l_receiptdate: date(row.l_receiptdate),
        l_shipinstruct: row.l_shipinstruct.to_owned(),
        l_shipmode: row.l_shipmode.to_owned(),
        l_comment: row.l_comment.to_owned(),
    }));
}

fn float(decimal: TPCHDecimal) -> f64 {
    decimal.as_f64()
}

fn date(date: TPCHDate) -> NaiveDate {
    NaiveDate::default() + TimeDelta::days(date.to_unix_epoch().into())
}

/// Records the rows of all tables.
pub fn record_tpch(db: &Db, scale: f64) {
    struct Recorded<'a>(&'a Db);

    impl Rows for Recorded<'_> {
        fn take<R: Record>(&mut self, rows: impl Iterator<Item = R>) {
            let ids = self.0.record_all(rows).unwrap();
            assert!(!ids.is_empty());
        }
    }

    generate(scale, &mut Recorded(db));
}

/// Registers tables in memory with the same rows.
pub fn register_tpch(session: &SessionContext, scale: f64) {
    struct Registered<'a>(&'a SessionContext);

    impl Rows for Registered<'_> {
        fn take<R: Record>(&mut self, mut rows: impl Iterator<Item = R>) {
            let table = R::TABLE;
            let mut batches = Vec::new();
            loop {
                let rows: Vec<R> = rows.by_ref().take(8_192).collect();
                if rows.is_empty() {
                    break;
                }
                batches.push(batch(&rows));
            }
            let schema = batches[0].schema();
            let in_memory = MemTable::try_new(schema, vec![batches]).unwrap();
            self.0.register_table(table.name(), Arc::new(in_memory)).unwrap();
        }
    }

    generate(scale, &mut Registered(session));
}

/// The rows in columns, without an `id`.
fn batch<R: Record>(rows: &[R]) -> RecordBatch {
    let table: &Table = R::TABLE;
    let rows: Vec<Vec<Value<'_>>> = rows.iter().map(|row| row.values().collect()).collect();
    let column = |index: usize, ty: ColumnType| -> ArrayRef {
        let values = rows.iter().map(|row| &row[index]);
        match ty {
            ColumnType::Int => Arc::new(Int64Array::from_iter_values(values.map(|value| {
                let Value::Int(value) = value else { panic!("{value:?}") };
                *value
            }))),
            ColumnType::Float => Arc::new(Float64Array::from_iter_values(values.map(|value| {
                let Value::Float(value) = value else { panic!("{value:?}") };
                *value
            }))),
            ColumnType::Date => Arc::new(Date32Array::from_iter_values(values.map(|value| {
                let Value::Date(value) = value else { panic!("{value:?}") };
                value.num_days_from_ce() - NaiveDate::default().num_days_from_ce()
            }))),
            ColumnType::Text => Arc::new(StringViewArray::from_iter_values(values.map(|value| {
                let Value::Text(value) = value else { panic!("{value:?}") };
                value.as_ref()
            }))),
            ty => panic!("TPC-H has no {ty}"),
        }
    };
    let columns = table.columns().iter().enumerate();
    RecordBatch::try_from_iter(columns.map(|(at, c)| (c.name, column(at, c.ty)))).unwrap()
}

/// The values that the specification gives for the parameters `:1`, `:2`, .. of each query, to validate
/// its answer.
const PARAMETERS: [&[&str]; 22] = [
    &["90"],
    &["15", "BRASS", "EUROPE"],
    &["BUILDING", "1995-03-15"],
    &["1993-07-01"],
    &["ASIA", "1994-01-01"],
    &["1994-01-01", "0.06", "24"],
    &["FRANCE", "GERMANY"],
    &["BRAZIL", "AMERICA", "ECONOMY ANODIZED STEEL"],
    &["green"],
    &["1993-10-01"],
    &["GERMANY", "0.0001"],
    &["MAIL", "SHIP", "1994-01-01"],
    &["special", "requests"],
    &["1995-09-01"],
    &["1996-01-01"],
    &["Brand#45", "MEDIUM POLISHED", "49", "14", "23", "45", "19", "3", "36", "9"],
    &["Brand#23", "MED BOX"],
    &["300"],
    &["Brand#12", "Brand#23", "Brand#34", "1", "10", "20"],
    &["forest", "1994-01-01", "CANADA"],
    &["SAUDI ARABIA"],
    &["13", "31", "23", "29", "30", "18", "17"],
];

/// How many rows of the answer the specification asks for.
const LIMITS: [(usize, usize); 5] = [(2, 100), (3, 10), (10, 20), (18, 100), (21, 100)];

/// Returns a query by its number, from 1 to 22.
pub fn tpch_query(number: usize) -> String {
    let template = queries::query(number as i32).expect("a number from 1 to 22");
    let mut sql = template.to_owned();
    let rewrites: &[(&str, &str)] = match number {
        // The precision of an interval, which not every dialect has.
        1 => &[(" day (3)", " day")],
        // The bounds are 0.05 and 0.07 only in decimals.
        6 => &[("between :2 - 0.01 and :2 + 0.01", "between 0.05 and 0.07")],
        // One statement instead of three. Sums of floats depend on the order of the rows in their last
        // digits.
        15 => &[
            ("create view revenue:s (supplier_no, total_revenue) as", "with revenue as ("),
            ("\tl_suppkey,", "\tl_suppkey as supplier_no,"),
            (
                "(l_extendedprice * (1 - l_discount))",
                "(l_extendedprice * (1 - l_discount)) as total_revenue",
            ),
            ("l_suppkey;", "l_suppkey)"),
            ("and total_revenue =", "and round(total_revenue, 2) ="),
            ("max(total_revenue)", "round(max(total_revenue), 2)"),
            ("drop view revenue:s;", ""),
            ("revenue:s", "revenue"),
        ],
        _ => &[],
    };
    for (from, to) in rewrites {
        assert!(sql.contains(from), "query {number} has no {from}: {template}");
        sql = sql.replace(from, to);
    }
    // The last ones first: `:1` is the beginning of `:10`.
    for (index, value) in PARAMETERS[number - 1].iter().enumerate().rev() {
        sql = sql.replace(&format!(":{}", index + 1), value);
    }
    let sql = sql.trim().trim_end_matches(';');
    match LIMITS.iter().find(|(limited, _)| *limited == number) {
        Some((_, rows)) => format!("{sql}\nlimit {rows}"),
        None => sql.to_owned(),
    }
}
