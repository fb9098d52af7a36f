//! Tables in files of other formats, which exports write and imports read.

pub mod days;
pub mod source;
pub mod table_format;
