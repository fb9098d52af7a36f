//! What a line did to Git repositories, as the table `git_operations` has it.

mod arguments;
mod operation;
mod operations;
mod output;
mod status;

pub use operation::GitOperation;
pub use operations::operations;
pub use status::GitStatus;
