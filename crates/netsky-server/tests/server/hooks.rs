//! Hooks over HTTP.

use std::sync::{Arc, Mutex};

use netsky_server::{HookReceiver, HookRefusal, ServerOptions};
use serde_json::json;

use crate::TestServer;

struct Hooks(Arc<Mutex<Vec<String>>>);

impl HookReceiver for Hooks {
    fn receive(&self, payload: &[u8]) -> Result<(), HookRefusal> {
        let payload = String::from_utf8_lossy(payload).into_owned();
        if payload.contains("broken") {
            return Err(HookRefusal::Broken("no".into()));
        }
        if payload.contains("fail") {
            return Err(HookRefusal::Later("no".into()));
        }
        self.0.lock().unwrap().push(payload);
        Ok(())
    }
}

#[test]
fn payloads_are_handed_on() {
    let payloads = Arc::default();
    let server = TestServer::with(ServerOptions::new().hooks(Hooks(Arc::clone(&payloads))));
    let path = "/v1/hooks/claude-code";
    let answer = server.post_json(path, &json!({"hook_event_name": "Stop"}));
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    assert_eq!(*payloads.lock().unwrap(), [r#"{"hook_event_name":"Stop"}"#]);
    assert_eq!(server.post_json(path, &json!([1])).status, 400);
    assert_eq!(server.send("POST", path, &[], b"{}").status, 415);
    assert_eq!(server.post_json(path, &json!({"broken": true})).status, 400);
    let answer = server.post_json(path, &json!({"fail": true}));
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (503, "1"));
}
