//! Helpers shared by the tests of netsky-db and of its command line: stores in temporary
//! directories, answers as JSON, and files of other programs and other versions.

#![cfg(feature = "sql")]

mod answers;
mod damage;
mod dice;
mod directory;
mod file;
#[cfg(target_os = "linux")]
mod memory;
mod old_store;
mod require;
mod rows;
mod sqlite;
mod store;
mod tpch;

pub use answers::{Row, foreign_rows, foreign_session, foreign_value, rows, value};
pub use damage::{change, damage, used_pages};
pub use dice::Dice;
pub use directory::{first_file, names_in};
pub use file::{
    change_row, everything, open_past_the_crate, set_meta_past_the_crate, store_past_the_crate,
    stored_rows,
};
#[cfg(target_os = "linux")]
pub use memory::peak_memory;
pub use old_store::{
    Old, add_old, assert_has_all_rows, count_of, old_file, old_row, old_rows, old_store, old_table,
    write_old,
};
pub use require::{
    has_data, has_node, has_program, has_program_with, has_python, has_s3_server, skip,
};
pub use rows::{full_row, sparse_row, to_json};
pub use sqlite::{OLD_SQLITE, OWN_TABLES, assert_archived, sqlite_with_journal};
pub use store::{
    TestStore, at, message, record_messages, store, tick, ticks_by_second, with_large_texts,
    with_ticks,
};
pub use tpch::{TPCH_TABLES, record_tpch, register_tpch, tpch_query};
