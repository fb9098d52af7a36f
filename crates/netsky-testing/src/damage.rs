//! Changes bytes of a file.

use std::fs;
use std::path::Path;

use crate::dice::Dice;

/// The size of redb's pages.
const PAGE: usize = 4_096;

/// Changes the first byte of the text wherever it occurs in the file, and returns the file's bytes.
pub fn damage(path: &Path, text: &[u8]) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    let places: Vec<usize> = bytes
        .windows(text.len())
        .enumerate()
        .filter(|(_, window)| *window == text)
        .map(|(place, _)| place)
        .collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place] ^= 1;
    }
    fs::write(path, &bytes).unwrap();
    bytes
}

/// Returns the numbers of the pages that are not empty.
pub fn used_pages(bytes: &[u8]) -> Vec<usize> {
    let pages = bytes.chunks(PAGE).enumerate();
    pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0)).map(|(at, _)| at).collect()
}

/// Picks a position in the file and the byte to put there. It is often in the header or at the
/// start of a page: those are few bytes, and the ones that matter most.
pub fn change(dice: &mut Dice, sound: &[u8], pages: &[usize]) -> (usize, u8) {
    loop {
        let page = pages[dice.below(pages.len() as u64) as usize] * PAGE;
        let place = match dice.below(4) {
            0 => dice.below(320) as usize,
            1 => page + dice.below(64) as usize,
            _ => page + dice.below(PAGE as u64) as usize,
        };
        let Some(&was) = sound.get(place) else { continue };
        let byte = [0, 1, 3, 255, was ^ (1 << dice.below(8))][dice.below(5) as usize];
        if byte != was {
            return (place, byte);
        }
    }
}
