//! A place for files: a directory, or a bucket of S3, GCS or Azure.

use std::fmt;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::SpawnedReqwestConnector;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    ObjectMeta, ObjectStore, ObjectStoreExt, ObjectStoreScheme, PutMode, PutPayload, RetryConfig,
};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use netsky_db::internal::{create_private_dir, sync_dir};

use crate::error::{Error, Result};

/// How long a request is repeated if the place fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Files below a directory or a prefix of a bucket. Clones share the connections.
#[derive(Clone)]
pub(crate) struct Place {
    url: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// The directory, if it is one of this machine.
    directory: Option<PathBuf>,
}

impl Place {
    /// Credentials and endpoints come from the environment, as other programs have them: `AWS_ACCESS_KEY_ID`,
    /// `AWS_ENDPOINT`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME` and so on.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let invalid = |reason: String| Error::InvalidUrl { url: url.to_owned(), reason };
        let Some(parsed) = parse(url).map_err(invalid)? else {
            return Self::in_directory(PathBuf::from(url));
        };
        let (scheme, prefix) =
            ObjectStoreScheme::parse(&parsed).map_err(|error| invalid(error.to_string()))?;
        if parsed.query().is_some() || parsed.password().is_some() {
            return Err(invalid("credentials belong in the environment".to_owned()));
        }
        let retry = RetryConfig { retry_timeout: PATIENCE, ..RetryConfig::default() };
        let connector = SpawnedReqwestConnector::new(connections()?.handle().clone());
        let store: object_store::Result<Arc<dyn ObjectStore>> = match scheme {
            ObjectStoreScheme::AmazonS3 => AmazonS3Builder::from_env()
                .with_url(parsed.as_str())
                .with_retry(retry)
                .with_http_connector(connector)
                .build()
                .map(|store| Arc::new(store) as _),
            ObjectStoreScheme::GoogleCloudStorage => GoogleCloudStorageBuilder::from_env()
                .with_url(parsed.as_str())
                .with_retry(retry)
                .with_http_connector(connector)
                .build()
                .map(|store| Arc::new(store) as _),
            ObjectStoreScheme::MicrosoftAzure => MicrosoftAzureBuilder::from_env()
                .with_url(parsed.as_str())
                .with_retry(retry)
                .with_http_connector(connector)
                .build()
                .map(|store| Arc::new(store) as _),
            ObjectStoreScheme::Local => {
                let path = parsed.to_file_path();
                return Self::in_directory(path.map_err(|()| invalid("it has a host".to_owned()))?);
            }
            _ => return Err(invalid("its scheme is unknown".to_owned())),
        };
        let store = store.map_err(|error| invalid(error.to_string()))?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { url, store, prefix, directory: None })
    }

    fn in_directory(directory: PathBuf) -> Result<Self> {
        let failed =
            |source| Error::File { action: "use", file: directory.display().to_string(), source };
        let directory = std::path::absolute(&directory).map_err(failed)?;
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new());
        let prefix = Path::from_absolute_path(&directory).map_err(|error| Error::InvalidUrl {
            url: directory.display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(Self { url: directory.display().to_string(), store, prefix, directory: Some(directory) })
    }

    #[cfg(test)]
    pub(crate) fn of_store(store: Arc<dyn ObjectStore>) -> Self {
        Self { url: "test".to_owned(), store, prefix: Path::default(), directory: None }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The path of a file of the place.
    pub(crate) fn path(&self, file: &str) -> Path {
        file.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    /// Returns a file's content; `None` if there is none.
    pub(crate) async fn get(&self, file: &str) -> Result<Option<Bytes>> {
        let path = self.path(file);
        match self.store.get(&path).await {
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            found => {
                let found = found.map_err(Error::storage("read", &path))?;
                Ok(Some(found.bytes().await.map_err(Error::storage("read", &path))?))
            }
        }
    }

    /// Creates a file durably and at once, and returns whether there was none before. An existing file stays.
    pub(crate) async fn create(&self, file: &str, content: Bytes) -> Result<bool> {
        let path = self.path(file);
        if let Some(directory) = &self.directory {
            let (directory, file) = (directory.clone(), file.to_owned());
            let create = move || create_file(&directory, &file, &content);
            let created = tokio::task::spawn_blocking(create);
            let created = created.await.unwrap_or_else(|error| Err(error.into()));
            let failed = |source| Error::File { action: "write", file: format!("/{path}"), source };
            return created.map_err(failed);
        }
        let put = self.store.put_opts(&path, PutPayload::from(content), PutMode::Create.into());
        match put.await {
            Ok(_) => Ok(true),
            // S3 returns the other while a request for the same key has not ended.
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(Error::storage("write", &path)(error)),
        }
    }

    /// The files below a directory, in no order. A directory that is missing has none.
    pub(crate) async fn files(&self, directory: &str) -> Result<Vec<ObjectMeta>> {
        let path = self.path(directory);
        let files = self.store.list(Some(&path)).try_collect().await;
        match files {
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            files => files.map_err(Error::storage("list", &path)),
        }
    }

    /// The names of the directories in a directory.
    pub(crate) async fn directories(&self, directory: &str) -> Result<Vec<String>> {
        let path = self.path(directory);
        let found = match self.store.list_with_delimiter(Some(&path)).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(Vec::new()),
            found => found.map_err(Error::storage("list", &path))?,
        };
        let names = found.common_prefixes.iter().filter_map(Path::filename);
        Ok(names.map(str::to_owned).collect())
    }

    /// Deletes files. One that is gone already is no error.
    pub(crate) async fn delete(&self, files: Vec<Path>) -> Result<()> {
        let paths = futures::stream::iter(files.clone()).map(Ok).boxed();
        let mut deleted = self.store.delete_stream(paths);
        while let Some(deleted) = deleted.next().await {
            match deleted {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => {
                    let first = files.first().cloned().unwrap_or_default();
                    return Err(Error::storage("delete", &first)(error));
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.url).finish()
    }
}

/// Returns the URL; `None` if the text is the path of a directory.
fn parse(text: &str) -> Result<Option<Url>, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    match text.contains("://") {
        true => Url::parse(text).map(Some).map_err(|error| error.to_string()),
        false => Ok(None),
    }
}

/// Creates a file that has all of its content, on the disk, once it has its name. `object_store` does not sync
/// files, so a power failure could leave one whose name is taken and whose rows are lost.
fn create_file(directory: &std::path::Path, file: &str, content: &[u8]) -> std::io::Result<bool> {
    let path = directory.join(file);
    if path.exists() {
        return Ok(false);
    }
    let parent = path.parent().unwrap_or(directory);
    create_private_dir(parent)?;
    let mut temporary = tempfile::Builder::new().prefix(".netsky-").tempfile_in(parent)?;
    temporary.write_all(content)?;
    temporary.as_file().sync_all()?;
    match temporary.persist_noclobber(&path) {
        // The directories can be new, too.
        Ok(_) => path
            .ancestors()
            .skip(1)
            .take(file.split('/').count() + 1)
            .try_for_each(sync_dir)
            .map(|()| true),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

/// The threads of connections. A query has threads of its own, which end with it, and connections outlive it.
fn connections() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("netsky-lake")
        .enable_all()
        .build()
        .map_err(|source| Error::File {
            action: "start a thread for",
            file: "requests".to_owned(),
            source,
        })?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// Waits for requests of a caller that is not asynchronous.
pub(crate) fn wait<T: Send>(work: impl Future<Output = Result<T>> + Send) -> Result<T> {
    let runtime = connections()?;
    // `block_on` panics on a thread of another runtime.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| runtime.block_on(work));
        waiting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[test]
    fn a_file_that_exists_stays() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["lake", "a lake %20 #1 ü"].map(|name| directory.path().join(name));
        let local = names.map(|name| Place::new(name.to_str().unwrap()).unwrap());
        for place in local.into_iter().chain([Place::of_store(Arc::new(InMemory::new()))]) {
            let file = "a/b=1/c.json";
            let stays = wait(async {
                assert!(place.get(file).await?.is_none());
                let created = place.create(file, Bytes::from_static(b"one")).await?;
                let again = place.create(file, Bytes::from_static(b"two")).await?;
                let paths: Vec<_> =
                    place.files("a").await?.into_iter().map(|it| it.location).collect();
                assert_eq!(paths, [place.path(file)]);
                assert_eq!(place.directories("a").await?, ["b=1"]);
                Ok((created, again, place.get(file).await?))
            });
            assert_eq!(
                stays.unwrap(),
                (true, false, Some(Bytes::from_static(b"one"))),
                "{place:?}"
            );
        }
    }

    #[test]
    fn what_is_no_place_says_what_to_use() {
        for url in [
            "",
            "ftp://host/x",
            "http://host/x",
            "s3://",
            "s3://key:secret@bucket/x",
            "s3://b/x?a=1",
            "file://host/x",
        ] {
            let error = Place::new(url).unwrap_err().to_string();
            assert!(error.contains("use a directory, or a URL such as"), "{url}: {error}");
        }
    }
}
