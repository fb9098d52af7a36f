//! The Unix socket for clients of PostgreSQL. Who may open it needs no password.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::front::Front;
use super::login::Peer;

/// A Unix socket, which is removed when this is dropped.
#[derive(Debug)]
pub struct PostgresSocket {
    listener: UnixListener,
    path: PathBuf,
    /// The file, to know it again.
    file: (u64, u64),
}

impl PostgresSocket {
    /// Listens at `.s.PGSQL.PORT` in a directory, where clients of PostgreSQL look for it. Only this user can connect.
    /// What a killed server has left is replaced.
    ///
    /// # Errors
    ///
    /// Another program listens there, the path is longer than the system allows, or those of writing in the directory.
    pub fn bind(directory: &Path, port: u16) -> io::Result<Self> {
        let path = directory.join(format!(".s.PGSQL.{port}"));
        SocketAddr::from_pathname(&path)?;
        check_free(&path)?;
        // In a directory that nobody else can enter, until its permissions are set. The name is not longer.
        let hidden = tempfile::Builder::new().prefix(".s").rand_bytes(6).tempdir_in(directory)?;
        let first = hidden.path().join("s");
        let listener = UnixListener::bind(&first)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(&first, fs::Permissions::from_mode(0o600))?;
        fs::rename(&first, &path)?;
        let file = identity(&path)?;
        Ok(Self { listener, path, file })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Answers connections, for ever.
    pub(crate) async fn serve(self, front: Arc<Front>) {
        let listener = self.listener.try_clone().and_then(tokio::net::UnixListener::from_std);
        let Ok(listener) = listener else { return std::future::pending().await };
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let front = Arc::clone(&front);
                    tokio::spawn(async move {
                        let (from, to) = stream.into_split();
                        front.serve(from, to, Peer::Socket).await;
                    });
                }
                // Usually, there are no more file descriptors, until a connection ends.
                Err(_) => sleep(Duration::from_millis(200)).await,
            }
        }
    }
}

impl Drop for PostgresSocket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Checks that nothing is there but perhaps the socket of a killed server.
fn check_free(path: &Path) -> io::Result<()> {
    let shown = path.display();
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => {
            return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{shown} is no socket")));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    match UnixStream::connect(path) {
        Ok(_) => {
            let message = format!("another program listens at {shown}");
            Err(io::Error::new(ErrorKind::AddrInUse, message))
        }
        Err(error)
            if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) =>
        {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_private_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let socket = PostgresSocket::bind(dir.path(), 4318).unwrap();
        let path = dir.path().join(".s.PGSQL.4318");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        UnixStream::connect(&path).unwrap();
        // A live one is kept.
        let error = PostgresSocket::bind(dir.path(), 4318).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(socket);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_stale_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".s.PGSQL.5432");
        // It is not removed when its listener is gone, as after a kill.
        drop(UnixListener::bind(&path).unwrap());
        let old = PostgresSocket::bind(dir.path(), 5432).unwrap();
        fs::remove_file(&path).unwrap();
        let _new = PostgresSocket::bind(dir.path(), 5432).unwrap();
        // What replaced it is not removed with it.
        drop(old);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn other_files_and_long_paths_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".s.PGSQL.1"), "mine").unwrap();
        let error = PostgresSocket::bind(dir.path(), 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        let long = dir.path().join("x".repeat(100));
        fs::create_dir(&long).unwrap();
        assert!(PostgresSocket::bind(&long, 1).is_err());
        assert_eq!(fs::read_dir(&long).unwrap().count(), 0);
    }
}
