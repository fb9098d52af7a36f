//! Directories: creating private ones, and making the names in them durable.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;

/// Creates a directory and its missing parents, accessible to their owner only. An existing directory stays as
/// it is.
///
/// # Errors
///
/// What the system says.
pub fn create_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Makes the names in a directory durable, as far as the user may. Only Unix can sync a directory.
///
/// # Errors
///
/// What the system says, unless the directory can be written but not read.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    match std::fs::File::open(dir) {
        Ok(dir) => dir.sync_all()?,
        // The directory is writable, but cannot be opened for reading.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    Ok(())
}
