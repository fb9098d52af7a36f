//! Where the files of plans are. A plan can run in another process, which knows only what the plan says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use object_store::ObjectStore;
use url::Url;

use crate::place::Place;

const SCHEME: &str = "lake";

/// The URL under which plans have the files of a place. Its host is the place's URL in hexadecimal digits, because
/// DataFusion takes nothing else of a URL.
pub(crate) fn store_url(place: &Place) -> Result<ObjectStoreUrl> {
    let digits: String = place.url().bytes().map(|byte| format!("{byte:02x}")).collect();
    ObjectStoreUrl::parse(format!("{SCHEME}://{digits}"))
}

/// The URL of the place; `None` if a plan has no such URL for its files.
fn place_url(url: &Url) -> Option<String> {
    let digits = url.host_str().filter(|_| url.scheme() == SCHEME)?;
    let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).ok());
    let bytes = pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect::<Option<Vec<u8>>>();
    String::from_utf8(bytes?).ok()
}

/// The stores of a process that runs plans of lakes. A plan says where its lake is, and can read no other files.
/// Credentials come from the environment of the process.
#[derive(Debug, Default)]
pub struct LakeStores(Mutex<HashMap<String, Arc<dyn ObjectStore>>>);

impl ObjectStoreRegistry for LakeStores {
    fn register_store(
        &self,
        url: &Url,
        store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stores.insert(url.host_str().unwrap_or_default().to_owned(), store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let Some(place) = place_url(url) else {
            return exec_err!("{url} is not the place of a lake");
        };
        let mut stores = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = url.host_str().unwrap_or_default();
        if let Some(store) = stores.get(name) {
            return Ok(Arc::clone(store));
        }
        let place =
            Place::new(&place).map_err(|error| DataFusionError::External(Box::new(error)))?;
        stores.insert(name.to_owned(), Arc::clone(place.store()));
        Ok(Arc::clone(place.store()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_finds_the_files_of_its_lake_and_no_others() {
        let stores = LakeStores::default();
        for place in ["/a lake %20 ü", "/work/x"] {
            let url = store_url(&Place::new(place).unwrap()).unwrap();
            assert_eq!(place_url(url.as_ref()).unwrap(), place);
            assert!(stores.get_store(url.as_ref()).is_ok());
        }
        for other in ["file:///etc", "lake://xyz", "lake://2g", "lake://é", "s3://bucket"] {
            assert!(stores.get_store(&Url::parse(other).unwrap()).is_err(), "{other}");
        }
    }
}
