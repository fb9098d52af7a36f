//! `netsky postgres-backend`, which `netsky serve` starts.

use std::io::{stdin, stdout};

use bytesize::ByteSize;
use netsky_db::QueryOptions;
use netsky_postgres::Backend;

use crate::failure::Failure;
use crate::store::StoreArgs;

/// Answer queries of PostgreSQL's clients for `netsky serve`
///
/// It reads requests from standard input, and writes answers to standard output, in the messages of PostgreSQL's
/// protocol. The server kills it to cancel a query.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct PostgresBackendArgs {
    /// The memory of a query
    #[arg(long, value_name = "SIZE", default_value = "256MiB")]
    pub memory_limit: ByteSize,
}

pub fn run(store: &StoreArgs, args: &PostgresBackendArgs) -> Result<(), Failure> {
    let path = store.path_or_default()?;
    let bytes = usize::try_from(args.memory_limit.as_u64()).unwrap_or(usize::MAX);
    let (open, limits) = (store.options(), QueryOptions::new().memory_limit(bytes));
    let lake = store.open_lake()?.map(|lake| store.db_of(lake)).transpose()?;
    let backend = Backend::new(|| {
        let db = match &lake {
            Some(lake) => lake.clone(),
            None => open.open_read_only(&path)?,
        };
        Ok(db.with_query_options(limits.clone()))
    });
    Ok(backend.serve(stdin().lock(), stdout().lock())?)
}
