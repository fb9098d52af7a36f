//! Transcripts tell whose session it is.

use netsky_ingest::otlp::{FoundSession, SessionLookup, Transcripts};

fn shop() -> Option<FoundSession> {
    Some(FoundSession { agent: Some("shop".to_owned()), cwd: Some("/home/dev/shop".to_owned()) })
}

#[test]
fn a_session_is_found_by_its_id() {
    let home = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        ".claude/projects/-home-dev-shop/0a-1.jsonl",
        "no JSON\n{\"type\":\"mode\"}\n{\"type\":\"user\",\"cwd\":\"/home/dev/shop\"}\n",
    );
    write(
        ".codex/sessions/2026/11/23/rollout-2026-11-23T22-06-56-0b-2.jsonl",
        "{\"type\":\"session_meta\",\"payload\":{\"id\":\"0b-2\",\"cwd\":\"/home/dev/shop\"}}\n",
    );
    write(
        ".codex/archived_sessions/rollout-2026-11-22T22-06-56-0c-3.jsonl",
        "{\"cwd\":\"/home/dev/shop\"}",
    );
    write(".claude/projects/secret.jsonl", "{\"cwd\":\"/secret\"}");
    let home_dir = home.path().to_str().unwrap().to_owned();
    let transcripts = Transcripts::new(&|name: &str| (name == "HOME").then(|| home_dir.clone()));
    assert_eq!(transcripts.find("claude", "0a-1"), shop());
    assert_eq!(transcripts.find("codex", "0b-2"), shop());
    assert_eq!(transcripts.find("codex", "0c-3"), shop());
    for (runtime, id) in [
        ("claude", "0b-2"),
        ("codex", "0a-1"),
        ("planner", "0a-1"),
        ("claude", ""),
        ("claude", "../secret"),
        ("claude", "x"),
    ] {
        assert_eq!(transcripts.find(runtime, id), None, "{runtime} {id}");
    }
}
