//! The files of directories.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the names of the files in a directory, sorted.
pub fn names_in(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Returns the first file by its path in a directory and those within.
pub fn first_file(dir: &Path) -> PathBuf {
    let mut path = dir.to_owned();
    while path.is_dir() {
        let inside = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
        path = inside.min().unwrap();
    }
    path
}
