//! PostgreSQL's functions that clients call and DataFusion and netsky-db lack.

mod at_time_zone;
mod empty_like;
mod expand_array;
mod function;
mod identifier;
mod objects;
mod session;
mod single_value;
mod text;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use crate::catalog::Catalog;
use function::Declaration;

pub use at_time_zone::AtTimeZone;
pub use empty_like::EmptyLike;
pub use single_value::SingleValue;
pub use text::like_pattern;

fn declarations() -> impl Iterator<Item = &'static Declaration> {
    [session::FUNCTIONS, objects::FUNCTIONS, text::FUNCTIONS].into_iter().flatten()
}

/// The scalar functions of a catalogue.
pub fn scalars(catalog: &Arc<Catalog>) -> Vec<ScalarUDF> {
    let declared = declarations().map(|declaration| {
        ScalarUDF::new_from_impl(function::Function::new(*declaration, catalog))
    });
    let others = [
        ScalarUDF::new_from_impl(expand_array::ExpandArray::new()),
        ScalarUDF::new_from_impl(EmptyLike::new()),
        ScalarUDF::new_from_impl(AtTimeZone::new()),
    ];
    declared.chain(others).collect()
}

/// The aggregates.
pub fn aggregates() -> Vec<AggregateUDF> {
    vec![AggregateUDF::new_from_impl(SingleValue::new())]
}
