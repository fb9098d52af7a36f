//! Tables in files of other formats, which exports write and imports read.

pub mod columnar;
pub mod csv;
pub mod days;
pub mod format;
pub mod source;
