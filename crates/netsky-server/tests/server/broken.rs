//! Bodies of real clients, changed: there is always an answer.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use crate::{Client, TestServer, call};

static SERVER: LazyLock<TestServer> = LazyLock::new(TestServer::new);
static BODIES: LazyLock<Vec<(&str, &str, Vec<u8>)>> = LazyLock::new(bodies);

/// The path, the type and the body of each captured request.
fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut bodies = vec![("/v1/logs", "application/json", call("req_1").to_string().into_bytes())];
    let dir =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/agents/fixtures/otlp");
    for capture in std::fs::read_dir(dir).into_iter().flatten() {
        for file in std::fs::read_dir(capture.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.to_str().unwrap();
            let signal = ["logs", "metrics", "traces"].into_iter().find(|it| name.contains(it));
            let path_of_signal = match signal.unwrap() {
                "logs" => "/v1/logs",
                "metrics" => "/v1/metrics",
                _ => "/v1/traces",
            };
            let ty =
                if name.ends_with("pb") { "application/x-protobuf" } else { "application/json" };
            bodies.push((path_of_signal, ty, std::fs::read(&path).unwrap()));
        }
    }
    bodies
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_changed_body_is_answered(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (path, ty, mut body) = BODIES[which.index(BODIES.len())].clone();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let answer = Client::connect(SERVER.address).send("POST", path, &[("content-type", ty)], &body);
        prop_assert!(matches!(answer.status, 200 | 400), "{} {}", answer.status, answer.text());
    }

    #[test]
    fn any_bytes_are_answered_or_closed(bytes in prop::collection::vec(any::<u8>(), 1..2_000)) {
        use std::io::Write;
        let mut client = Client::connect(SERVER.address);
        // The server may have closed it already.
        let _ = client.stream.get_mut().write_all(&bytes);
        let _ = client.stream.get_mut().shutdown(std::net::Shutdown::Write);
        let _ = client.answer();
        prop_assert_eq!(SERVER.send("GET", "/healthz", &[], b"").status, 200);
    }
}
