//! The list of functions, for programs.

use crate::error::Result;
use crate::query::functions::{ListedFunction, functions_of};
use crate::query::session::base_state;

/// Lists the functions that SQL can call, by name: those of [`FUNCTIONS`](crate::FUNCTIONS), and
/// DataFusion's.
///
/// ```
/// # fn main() -> netsky_db::Result<()> {
/// let functions = netsky_db::functions()?;
/// let date_diff = functions.iter().find(|function| function.name() == "date_diff").unwrap();
/// assert_eq!(date_diff.signature(), "date_diff(part, from, to)");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Error::Query`](crate::Error::Query) if a session cannot be created.
pub fn functions() -> Result<Vec<ListedFunction>> {
    Ok(functions_of(&base_state(None)?))
}
