//! A cluster, as clients know it.

use std::fmt;

use url::Url;

use crate::error::{Error, Result};

/// The port of a scheduler, unless another is given.
pub const SCHEDULER_PORT: u16 = 50050;

/// A cluster, by its scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// As gRPC has it.
    scheduler: String,
}

impl Cluster {
    /// The cluster of the scheduler at a URL such as `df://host:50050`. It is not asked whether it is there.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`].
    pub fn new(url: &str) -> Result<Self> {
        let invalid = || Error::InvalidUrl { url: url.to_owned() };
        let place = url.strip_prefix("df://").ok_or_else(invalid)?.trim_end_matches('/');
        let parsed = Url::parse(&format!("http://{place}/")).map_err(|_| invalid())?;
        let is_host =
            parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
        let host =
            parsed.host_str().filter(|host| is_host && !host.is_empty() && !place.contains('@'));
        let host = host.ok_or_else(invalid)?;
        // The port of http is left out by the parser.
        let port = match parsed.port() {
            None if place.ends_with(":80") => 80,
            port => port.unwrap_or(SCHEDULER_PORT),
        };
        Ok(Self { scheduler: format!("http://{host}:{port}") })
    }

    pub(crate) fn scheduler(&self) -> &str {
        &self.scheduler
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "df{}", self.scheduler.trim_start_matches("http"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_is_named_by_its_scheduler() {
        for (url, scheduler) in [
            ("df://host", "http://host:50050"),
            ("df://host:80", "http://host:80"),
            ("df://10.0.0.1:1234/", "http://10.0.0.1:1234"),
            ("df://[::1]:5", "http://[::1]:5"),
        ] {
            let cluster = Cluster::new(url).unwrap();
            assert_eq!(cluster.scheduler(), scheduler);
            assert_eq!(Cluster::new(&cluster.to_string()).unwrap(), cluster);
        }
        for url in ["", "host:50050", "df://", "http://host", "df://h/x", "df://a@h", "df://h:x"] {
            let error = Cluster::new(url).unwrap_err().to_string();
            assert!(error.contains("df://host:50050"), "{url}: {error}");
        }
    }
}
