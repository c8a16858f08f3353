//! What the model sees and remembers: the colour of a plain image, and a word it was told somewhere in the prompt.
//!
//! Just enough to tell a provider that got the whole request from one that got a part of it.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ask::Ask;

/// Larger images are not looked at: a few kilobytes can unfold into gigabytes.
const MOST_PIXELS: u64 = 2_048 * 2_048;
const MOST_BYTES: usize = 16 << 20;
/// What comes before the word that is to be remembered, in lower case.
const TELLING: &str = "the code word is ";

/// The answer to a question for a colour or for the code word; absent if `asked` is neither, or nothing was to be seen
/// or read.
pub(super) fn answer(ask: &Ask, asked: &str) -> Option<String> {
    let asked = asked.to_ascii_lowercase();
    colours(ask, &asked).or_else(|| code_word(ask, &asked))
}

fn colours(ask: &Ask, asked: &str) -> Option<String> {
    if ask.pictures.is_empty() || !(asked.contains("colour") || asked.contains("color")) {
        return None;
    }
    let seen: Option<Vec<&str>> = ask.pictures.iter().map(|picture| plain_colour(picture)).collect();
    Some(match seen?.as_slice() {
        [one] => format!("The image is {one}."),
        several => format!("The images are {}.", several.join(" and ")),
    })
}

/// The name of the colour that fills a PNG in base64.
fn plain_colour(picture: &str) -> Option<&'static str> {
    let bytes = STANDARD.decode(picture).ok()?;
    let limits = png::Limits { bytes: MOST_BYTES };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let (width, height) = reader.info().size();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return None;
    }
    let samples = reader.output_color_type().0.samples();
    let mut first: Option<Vec<u8>> = None;
    while let Some(row) = reader.next_row().ok()? {
        for pixel in row.data().chunks_exact(samples) {
            if *first.get_or_insert_with(|| pixel.to_vec()) != pixel {
                return None;
            }
        }
    }
    name(&first?)
}

/// A pixel of grey or of red, green and blue, with or without its opacity.
fn name(pixel: &[u8]) -> Option<&'static str> {
    let (rgb, opacity) = match *pixel {
        [grey] => ([grey; 3], u8::MAX),
        [grey, opacity] => ([grey; 3], opacity),
        [red, green, blue] => ([red, green, blue], u8::MAX),
        [red, green, blue, opacity] => ([red, green, blue], opacity),
        _ => return None,
    };
    match rgb.map(|part| part > 127) {
        _ if opacity < 128 => None,
        [true, false, false] => Some("red"),
        [false, true, false] => Some("green"),
        [false, false, true] => Some("blue"),
        [true, true, true] => Some("white"),
        [false, false, false] => Some("black"),
        [true, true, false] | [true, false, true] | [false, true, true] => None,
    }
}

fn code_word(ask: &Ask, asked: &str) -> Option<String> {
    let mut sentences = asked.split_inclusive(['.', '!', '?', '\n']);
    if !sentences.any(|sentence| sentence.ends_with('?') && sentence.contains("code word")) {
        return None;
    }
    // As long as the prompt itself, byte for byte.
    let told = ask.prompt.to_ascii_lowercase();
    let words = told.match_indices(TELLING).map(|(at, telling)| &ask.prompt[at + telling.len()..]);
    let mut words = words.map(|rest| rest.split(|c: char| !(c.is_alphanumeric() || c == '-')).next());
    words.find_map(|word| word.filter(|word| !word.is_empty())).map(str::to_owned)
}
