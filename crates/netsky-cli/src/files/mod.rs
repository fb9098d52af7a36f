//! Tables in files of other formats, which exports write and imports read.

mod csv_columns;
pub mod days;
mod json_array;
pub mod source;
pub mod table_format;
