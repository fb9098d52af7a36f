//! Any bytes as what a client of the Postgres protocol sends, and any text as its SQL: messages are found where they
//! are, and statements are split so that each is one statement.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netsky_server::{read_client, split_statements};

fuzz_target!(|input: &[u8]| {
    let messages = read_client(input);
    // A start-up packet has 8 bytes, and a message 5.
    assert!(messages <= input.len() / 5);
    let part = &input[..input.len() / 2];
    assert!(read_client(part) <= messages);

    let Ok(sql) = std::str::from_utf8(input) else { return };
    let pieces = split_statements(sql);
    let mut rest = sql;
    for (piece, characters_before) in &pieces {
        let before: String = sql.chars().take(*characters_before).collect();
        assert!(sql[before.len()..].starts_with(piece.as_str()));
        assert_eq!(split_statements(piece), [(piece.clone(), 0)]);
        let at = rest.find(piece.as_str()).expect("pieces are in order");
        rest = &rest[at + piece.len()..];
    }
    if !sql.contains('\0') {
        let text = [sql.as_bytes(), b"\0"].concat();
        let session = [
            packet(None, &[&(3_u32 << 16).to_be_bytes(), &b"user\0a\0\0"[..]].concat()),
            packet(Some(b'Q'), &text),
            packet(Some(b'P'), &[b"\0", &*text, b"\0\0"].concat()),
            packet(Some(b'S'), b""),
        ]
        .concat();
        assert_eq!(read_client(&session), 4);
        assert_eq!(read_client(&session[..session.len() - 1]), 3);
    }
});

fn packet(tag: Option<u8>, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32 + 4).to_be_bytes();
    tag.into_iter().chain(length).chain(body.iter().copied()).collect()
}
