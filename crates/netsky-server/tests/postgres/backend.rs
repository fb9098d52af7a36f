//! A backend that does what its SQL says, to bring about what a real one does once a year. It is this test program,
//! started again.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const TASK: &str = "NETSKY_TEST_BACKEND";

/// Writes a program that is started as `netsky`. Its answer to a query over HTTP has no end.
pub(crate) fn program(directory: &Path) -> PathBuf {
    let path = directory.join("netsky");
    let this = std::env::current_exe().unwrap();
    // The test harness prints to standard output, where only the answers may be.
    let script = format!(
        "#!/bin/sh\n[ \"$3\" = query ] && exec yes\n[ \"$3\" = postgres-backend ] || exit 9\nexec 3>&1 1>/dev/null\n{TASK}=1 exec '{}' backend::process --exact --nocapture --test-threads=1\n",
        this.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// What the process does. In the test run itself, nothing.
#[test]
fn process() {
    if std::env::var_os(TASK).is_none() {
        return;
    }
    let out = fs::OpenOptions::new().write(true).open("/dev/fd/3").unwrap();
    let mut backend = Backend { out };
    while let Some(request) = Request::read() {
        backend.answer(&request);
    }
    std::process::exit(0);
}

#[derive(Default)]
struct Request {
    sql: String,
    types: Vec<u32>,
    values: Vec<Option<String>>,
    is_binary: bool,
    binds: bool,
    runs: bool,
}

impl Request {
    fn read() -> Option<Self> {
        let mut request = Self::default();
        loop {
            let mut head = [0; 5];
            std::io::stdin().read_exact(&mut head).ok()?;
            let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
            let mut body = vec![0; length - 4];
            std::io::stdin().read_exact(&mut body).unwrap();
            let mut body = body.as_slice();
            match head[0] {
                b'P' => {
                    assert_eq!(text(&mut body), "");
                    request.sql = text(&mut body);
                    request.types =
                        (0..number(&mut body, 2)).map(|_| number(&mut body, 4)).collect();
                }
                b'B' => {
                    request.binds = true;
                    assert_eq!((text(&mut body), text(&mut body)), (String::new(), String::new()));
                    for _ in 0..number(&mut body, 2) {
                        number(&mut body, 2);
                    }
                    for _ in 0..number(&mut body, 2) {
                        let length = number(&mut body, 4).cast_signed();
                        request.values.push((length >= 0).then(|| {
                            let (value, rest) = body.split_at(length as usize);
                            body = rest;
                            String::from_utf8_lossy(value).into_owned()
                        }));
                    }
                    let formats = number(&mut body, 2);
                    request.is_binary = formats > 0 && number(&mut body, 2) == 1;
                }
                b'E' => request.runs = true,
                b'S' => return Some(request),
                _ => {}
            }
        }
    }
}

fn number(body: &mut &[u8], bytes: usize) -> u32 {
    let (taken, rest) = body.split_at(bytes);
    *body = rest;
    taken.iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

fn text(body: &mut &[u8]) -> String {
    let end = body.iter().position(|&byte| byte == 0).unwrap();
    let text = String::from_utf8(body[..end].to_vec()).unwrap();
    *body = &body[end + 1..];
    text
}

struct Backend {
    out: fs::File,
}

impl Backend {
    fn send(&mut self, tag: u8, body: &[u8]) {
        let length = (body.len() as u32 + 4).to_be_bytes();
        if self.out.write_all(&[&[tag], &length[..], body].concat()).is_err() {
            std::process::exit(0);
        }
    }

    fn columns(&mut self, request: &Request, names: &[&str]) {
        let mut body = (names.len() as u16).to_be_bytes().to_vec();
        for name in names {
            body.extend_from_slice(name.as_bytes());
            body.extend_from_slice(&[0; 7]);
            body.extend_from_slice(&[0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
            body.extend_from_slice(&u16::from(request.is_binary).to_be_bytes());
        }
        self.send(b'T', &body);
    }

    fn row(&mut self, values: &[Option<&str>]) {
        let mut body = (values.len() as u16).to_be_bytes().to_vec();
        for value in values {
            match value {
                Some(value) => {
                    body.extend_from_slice(&(value.len() as u32).to_be_bytes());
                    body.extend_from_slice(value.as_bytes());
                }
                None => body.extend_from_slice(&[0xff; 4]),
            }
        }
        self.send(b'D', &body);
    }

    fn complete(&mut self, tag: &str) {
        self.send(b'C', format!("{tag}\0").as_bytes());
        self.send(b'Z', b"I");
    }

    fn fail(&mut self, code: &str, message: &str, position: usize) {
        let error = format!("SERROR\0VERROR\0C{code}\0M{message}\0P{position}\0\0");
        self.send(b'E', error.as_bytes());
        self.send(b'Z', b"I");
    }

    fn answer(&mut self, request: &Request) {
        let sql = request.sql.trim();
        let word = sql.split_whitespace().nth(1).unwrap_or_default();
        let (word, argument) = word.split_once('(').unwrap_or((word, ""));
        let argument = argument.trim_end_matches(')').parse::<u64>().unwrap_or(0);
        match word {
            "wrong" => return self.fail("42703", "column \"wrong\" does not exist", 8),
            "hang" => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            "die" => {
                eprintln!("something before\nthread 'main' panicked at the worst time");
                std::process::exit(101);
            }
            "abort" => std::process::abort(),
            "killed" => {
                let id = std::process::id().to_string();
                drop(std::process::Command::new("kill").args(["-9", &id]).status());
                std::thread::sleep(Duration::from_secs(60));
            }
            "failure" => {
                let error = r#"{"code":3,"kind":"not_found","message":"there is no store","hint":"record something","position":null,"nearest":[]}"#;
                eprintln!("{error}");
                std::process::exit(3);
            }
            "garbage" => {
                let _ = self.out.write_all(&[7; 100]);
                std::process::exit(0);
            }
            _ => {}
        }
        self.send(b'1', b"");
        if request.binds {
            self.send(b'2', b"");
        } else {
            let types = request.types.iter().flat_map(|oid| match oid {
                0 => 25_u32.to_be_bytes(),
                oid => oid.to_be_bytes(),
            });
            let types: Vec<u8> = types.collect();
            let number = (request.types.len() as u16).to_be_bytes();
            self.send(b't', &[&number[..], &types].concat());
        }
        if sql.starts_with("COPY") || sql.starts_with("copy") {
            self.send(b'n', b"");
            if request.runs {
                self.send(b'H', &[0, 0, 1, 0, 0]);
                self.send(b'd', b"1\n");
                self.send(b'd', b"2\n");
                self.send(b'c', b"");
                return self.complete("COPY 2");
            }
            return self.send(b'Z', b"I");
        }
        let names: &[&str] = if word == "values" { &["a", "b"] } else { &["n"] };
        self.columns(request, names);
        if !request.runs {
            return self.send(b'Z', b"I");
        }
        match word {
            "values" => {
                let values: Vec<_> = request.values.iter().map(Option::as_deref).collect();
                self.row(&values);
                self.complete("SELECT 1");
            }
            "pid" => {
                self.row(&[Some(&std::process::id().to_string())]);
                self.complete("SELECT 1");
            }
            "last" => {
                self.row(&[Some("1")]);
                self.complete("SELECT 1");
                std::process::exit(0);
            }
            "endless" => loop {
                self.row(&[Some(&"x".repeat(1_000))]);
            },
            "big" => {
                self.row(&[Some(&"x".repeat(argument as usize))]);
                self.complete("SELECT 1");
            }
            "slow" => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            "divides" => {
                (0..argument).for_each(|row| self.row(&[Some(&row.to_string())]));
                self.fail("22012", "division by zero", 1);
            }
            "breaks" => {
                self.row(&[Some("1")]);
                let _ = self.out.write_all(b"D\0\0\0\x10\0\x01");
                std::process::exit(1);
            }
            "babbles" => {
                self.row(&[Some("1")]);
                let _ = self.out.write_all(b"Q\0\0\0\x04");
                std::thread::sleep(Duration::from_secs(60));
            }
            _ => {
                (1..=argument).for_each(|row| self.row(&[Some(&row.to_string())]));
                self.complete(&format!("SELECT {argument}"));
            }
        }
    }
}
