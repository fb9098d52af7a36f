//! `serve.json`: where the server of a store is. It lies beside the store.
//!
//! The server has it locked while it runs, so that there is one server for a store, and so that the file of a
//! killed server is not taken for that of a running one: process ids are used again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

/// How often a file is opened again that another process looks at or removes.
const ATTEMPTS: usize = 100;
const PAUSE: Duration = Duration::from_millis(20);

/// A server that runs, or did when it was killed.
#[derive(Clone, PartialEq, Eq)]
pub struct RunningServer {
    /// Its process.
    pub pid: u32,
    /// Where it listens.
    pub address: SocketAddr,
    /// What requests must have.
    pub token: String,
}

impl std::fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pid, address, .. } = self;
        f.debug_struct("RunningServer").field("pid", pid).field("address", address).finish()
    }
}

/// What the file of a store says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundServer {
    /// There is no server.
    None,
    /// It runs. It has not said where, if it has just started.
    Running(Option<RunningServer>),
    /// It was killed.
    Killed,
}

/// The file of this server, which is removed when this is dropped.
#[derive(Debug)]
pub struct ServeFile {
    path: PathBuf,
    file: File,
}

/// Why a store cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// It is served already.
    #[error("another server serves the store")]
    Running(Option<RunningServer>),
    /// The file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl RunningServer {
    /// The URL with the token, which is in the fragment, because browsers do not send that to anybody.
    pub fn url(&self) -> String {
        // 0.0.0.0 is no address to connect to.
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("http://{address}/#token={}", self.token)
    }

    fn to_json(&self) -> Value {
        let Self { pid, address, token } = self;
        json!({"pid": pid, "port": address.port(), "address": address.to_string(), "token": token})
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let object: Value = serde_json::from_slice(text).ok()?;
        Some(Self {
            pid: object.get("pid")?.as_u64()?.try_into().ok()?,
            address: object.get("address")?.as_str()?.parse().ok()?,
            token: object.get("token")?.as_str()?.to_owned(),
        })
    }
}

impl ServeFile {
    /// The file for a store: `serve.json` for `meta.db`, and for other stores with their name before it.
    pub fn path(store: &Path) -> PathBuf {
        let name = store.file_name().unwrap_or_default().to_string_lossy();
        store.with_file_name(match &*name {
            "meta.db" => "serve.json".to_owned(),
            name => format!("{name}.serve.json"),
        })
    }

    /// Makes this process the server of a store. The store's directory must exist.
    ///
    /// # Errors
    ///
    /// [`ClaimError`].
    pub fn claim(store: &Path) -> Result<Self, ClaimError> {
        let path = Self::path(store);
        match Self::try_claim(&path) {
            Ok(Ok(file)) => Ok(Self { path, file }),
            Ok(Err(running)) => Err(ClaimError::Running(running)),
            Err(source) => Err(ClaimError::Io { path, source }),
        }
    }

    fn try_claim(path: &Path) -> io::Result<Result<File, Option<RunningServer>>> {
        for _ in 0..ATTEMPTS {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open(path)?;
            match file.try_lock() {
                // The server before may have removed it in the meantime.
                Ok(()) if !is_at(&file, path)? => {}
                Ok(()) => {
                    // What is left of another one need not be private.
                    #[cfg(unix)]
                    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
                    file.set_len(0)?;
                    return Ok(Ok(file));
                }
                Err(TryLockError::WouldBlock) => match file.try_lock_shared() {
                    // Somebody has looked at it.
                    Ok(()) => {}
                    Err(TryLockError::WouldBlock) => return Ok(Err(read(&mut file)?)),
                    Err(TryLockError::Error(error)) => return Err(error),
                },
                Err(TryLockError::Error(error)) => return Err(error),
            }
            drop(file);
            sleep(PAUSE);
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Says where the server is.
    ///
    /// # Errors
    ///
    /// Those of writing the file.
    pub fn write(&mut self, server: &RunningServer) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        // In one write, because others may read it.
        self.file.write_all(format!("{}\n", server.to_json()).as_bytes())
    }

    /// Looks for the server of a store.
    ///
    /// # Errors
    ///
    /// Those of reading the file.
    pub fn find(store: &Path) -> io::Result<FoundServer> {
        let mut file = match File::open(Self::path(store)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FoundServer::None),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(FoundServer::Killed),
            Err(TryLockError::WouldBlock) => Ok(FoundServer::Running(read(&mut file)?)),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for ServeFile {
    fn drop(&mut self) {
        // Still locked, so it is this server's.
        let _ = fs::remove_file(&self.path);
    }
}

fn read(file: &mut File) -> io::Result<Option<RunningServer>> {
    let mut text = Vec::new();
    file.rewind()?;
    file.take(1 << 16).read_to_end(&mut text)?;
    Ok(RunningServer::parse(&text))
}

/// Whether the file is still at the path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    let of = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match fs::metadata(path) {
        Ok(there) => Ok(of(there) == of(file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// Returns a new token: 32 random bytes, as hexadecimal digits.
///
/// # Errors
///
/// The system has no random bytes.
pub fn random_token() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> RunningServer {
        RunningServer { pid: 7, address: "127.0.0.1:4318".parse().unwrap(), token: "t".into() }
    }

    #[test]
    fn a_store_has_one_server() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("meta.db");
        assert_eq!(ServeFile::find(&store).unwrap(), FoundServer::None);
        let mut file = ServeFile::claim(&store).unwrap();
        assert_eq!(ServeFile::find(&store).unwrap(), FoundServer::Running(None));
        file.write(&server()).unwrap();
        assert_eq!(ServeFile::find(&store).unwrap(), FoundServer::Running(Some(server())));
        let error = ServeFile::claim(&store).unwrap_err();
        assert!(matches!(error, ClaimError::Running(Some(running)) if running == server()));
        // Another store beside it has its own.
        ServeFile::claim(&dir.path().join("copy.db")).unwrap();
        drop(file);
        assert!(!dir.path().join("serve.json").exists());
        ServeFile::claim(&store).unwrap();
    }

    #[test]
    fn the_file_of_a_killed_server_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (store, path) = (dir.path().join("meta.db"), dir.path().join("serve.json"));
        fs::write(&path, "{\"pid\": 1, and much more of another server").unwrap();
        assert_eq!(ServeFile::find(&store).unwrap(), FoundServer::Killed);
        let mut file = ServeFile::claim(&store).unwrap();
        file.write(&server()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "{\"address\":\"127.0.0.1:4318\",\"pid\":7,\"port\":4318,\"token\":\"t\"}\n"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        drop(file);
    }

    #[test]
    fn the_url_can_be_opened() {
        let address = "0.0.0.0:80".parse().unwrap();
        assert_eq!(RunningServer { address, ..server() }.url(), "http://127.0.0.1:80/#token=t");
        let (one, other) = (random_token().unwrap(), random_token().unwrap());
        assert!(one.len() == 64 && one != other);
    }
}
