//! Compares the columns of a view with its declaration.

use arrow::datatypes::{DataType, TimeUnit};

use crate::query::prepare::PreparedQuery;
use crate::view::{View, ViewColumn, ViewType};

/// Fails with a description of the first difference.
pub(crate) fn compare_columns(view: &View, planned: &PreparedQuery) -> Result<(), String> {
    if !planned.parameter_types().is_empty() {
        return Err("a view cannot have parameters".to_owned());
    }
    let schema = planned.schema();
    let found = schema.fields().iter().map(|field| field.name().as_str());
    let declared = view.columns().iter().map(|column| column.name);
    if !found.clone().eq(declared.clone()) {
        let list = |names: &mut dyn Iterator<Item = &str>| names.collect::<Vec<_>>().join(", ");
        let (found, declared) = (list(&mut found.into_iter()), list(&mut declared.into_iter()));
        return Err(format!("its columns are {found}, and it declares {declared}"));
    }
    for (field, column) in schema.fields().iter().zip(view.columns()) {
        let ViewColumn { name, ty, .. } = column;
        if !is_of(field.data_type(), *ty) {
            let (found, ty) = (field.data_type(), ty.name());
            return Err(format!("its column {name} is {found}, and it declares {ty}"));
        }
    }
    Ok(())
}

fn is_of(found: &DataType, declared: ViewType) -> bool {
    match declared {
        ViewType::Text => {
            matches!(found, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8)
        }
        ViewType::Int => *found == DataType::Int64,
        ViewType::Float => *found == DataType::Float64,
        ViewType::Date => *found == DataType::Date32,
        ViewType::Time => {
            matches!(found, DataType::Timestamp(TimeUnit::Nanosecond, Some(zone)) if &**zone == "UTC")
        }
    }
}
