use proptest::prelude::*;

use super::comparison::{HEAD_BYTES, REPEAT_CHARS, WINDOW_BYTES, WORD_CHARS};
use super::*;

/// What the caller has in the end.
fn sewn(seam: Seam, said: &str, pieces: &[&str]) -> Result<String, Mismatch> {
    let mut stitch = Stitch::new(seam, said);
    let mut text = said.to_owned();
    for piece in pieces {
        text.push_str(&stitch.text(piece)?);
    }
    text.push_str(&stitch.end()?);
    Ok(text)
}

const ASKED: Seam = Seam::Continue { prefilled: false };
const PREFILLED: Seam = Seam::Continue { prefilled: true };

#[test]
fn a_repeat_is_left_out_and_a_coincidence_is_not() {
    let cases = [
        // It goes on.
        (ASKED, "The quick brown", " fox", "The quick brown fox"),
        (ASKED, "The quick bro", "wn fox", "The quick brown fox"),
        // It repeats the last word, the last words, the whole.
        (ASKED, "The quick brown", "brown fox", "The quick brown fox"),
        (ASKED, "The quick brown ", "quick brown fox", "The quick brown fox"),
        (ASKED, "The quick brown", "The quick brown fox", "The quick brown fox"),
        (ASKED, "naïve café", "café au lait", "naïve café au lait"),
        // It begins a word anew that was broken off.
        (ASKED, "The quick brown fox jum", "brown fox jumps", "The quick brown fox jumps"),
        (ASKED, "an internat", "international", "an international"),
        // Words and patterns that go on so by themselves.
        (ASKED, "Ha ha", " ha", "Ha ha ha"),
        (ASKED, "I know that ", "that is so", "I know that that is so"),
        (ASKED, "0, 0, 0, 0, 0, 0, ", "0, 0, 0, 0]", "0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"),
        (
            ASKED,
            "        }\n        }\n",
            "        }\n        }\n    }",
            "        }\n        }\n        }\n        }\n    }",
        ),
        (ASKED, "| a | b |\n| --- | --- |\n", "| --- | --- |", "| a | b |\n| --- | --- |\n| --- | --- |"),
        (ASKED, "a\n", "\nb", "a\n\nb"),
        // A new sentence, an item, a name and code begin with a capital too.
        (ASKED, "It rains.", " It pours.", "It rains. It pours."),
        (ASKED, "It is Git", "Hub again.", "It is GitHub again."),
        (ASKED, "It calls get", "User(id), then", "It calls getUser(id), then"),
        (
            ASKED,
            "- The capital of France is Paris.\n",
            "- The capital of Spain is Madrid.",
            "- The capital of France is Paris.\n- The capital of Spain is Madrid.",
        ),
        // It begins anew behind a preamble, right behind a letter or a blank.
        (ASKED, "The quick bro", "Sure, here it is: The quick brown fox", "The quick brown fox"),
        (ASKED, "The quick brown", "\n\nThe quick brown fox", "The quick brown fox"),
        // The space between two words is one.
        (ASKED, "This is ", " what", "This is what"),
        (ASKED, "ha ", " ho", "ha ho"),
        (ASKED, "if x:\n    ", "    y", "if x:\n        y"),
        // A prefill lost its whitespace; nothing else comes twice.
        (PREFILLED, "Hello ", " world", "Hello world"),
        (PREFILLED, "Hello ", "world", "Hello world"),
        (PREFILLED, "a\n", "\n\nb", "a\n\nb"),
        (PREFILLED, "a \n", " \n b", "a \n b"),
        (PREFILLED, "I know that", " that is", "I know that that is"),
        (PREFILLED, "The quick brown", "brown", "The quick brownbrown"),
        // The whole again.
        (Seam::Restart, "The quick", "The quick brown", "The quick brown"),
        (Seam::Restart, "The quick", "The quick", "The quick"),
    ];
    for (seam, said, new, whole) in cases {
        assert_eq!(sewn(seam, said, &[new]).unwrap(), whole, "{said:?} then {new:?}");
        let letters: Vec<String> = new.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(sewn(seam, said, &letters).unwrap(), whole, "{said:?} then {new:?}, letter by letter");
    }
}

#[test]
fn a_restart_that_says_something_else_is_told() {
    assert_eq!(sewn(Seam::Restart, "The quick", &["The ", "slow"]), Err(Mismatch::Differs));
    assert_eq!(sewn(Seam::Restart, "The quick", &["The "]), Err(Mismatch::Shorter));
}

#[test]
fn what_neither_goes_on_nor_repeats_is_refused() {
    let verse = "Row, row, row your boat,\nGently down the stream,\n";
    let cases = [
        // Too short to be told from a word that doubles.
        (ASKED, "ha", "ha".to_owned(), Mismatch::Unclear),
        // It begins anew and says something else, at once or later.
        (ASKED, "The quick brown fox, and", "The quick brown dog".to_owned(), Mismatch::Differs),
        (ASKED, "The quick bro", "Lisbon is a city of trams.".to_owned(), Mismatch::Unclear),
        (ASKED, "The quick bro", "Sure, here is the rest: wn fox.".to_owned(), Mismatch::Unclear),
        // A verse may come again, or it is the answer begun anew.
        (ASKED, verse, format!("Life is but a dream.\n{verse}"), Mismatch::Unclear),
        // A preamble, and less than was said.
        (ASKED, "The quick brown", "Sure, here: The quick brow".to_owned(), Mismatch::Unclear),
        (PREFILLED, &long(0, 90), long(0, 60) + " and then otherwise", Mismatch::Differs),
        (PREFILLED, &long(0, 90), format!("Sure! {}", long(0, 60)), Mismatch::Shorter),
        (ASKED, &long(0, 90), format!("Sure! {}", long(0, 60)), Mismatch::Shorter),
        // Only its first words are others.
        (ASKED, &long(0, 90), format!("Otherwise {}", long(3, 99)), Mismatch::Differs),
    ];
    for (seam, said, new, why) in cases {
        assert_eq!(sewn(seam, said, &[&new]), Err(why), "{said:?} then {new:?}");
        let letters: Vec<String> = new.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        assert_eq!(sewn(seam, said, &letters), Err(why), "{said:?} then {new:?}, letter by letter");
    }
}

/// Words that come once each.
fn long(from: usize, to: usize) -> String {
    (from..to).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_long_text_begun_anew_is_told_once_whatever_comes_before_it() {
    let (whole, preamble) = (long(0, 900), "I apologise for the interruption. Here is the whole answer:\n\n");
    for at in [30, 364, 413, 1_000, 5_000] {
        let said = &whole[..at];
        for (seam, new) in [
            (ASKED, whole.clone()),
            (PREFILLED, whole.clone()),
            (ASKED, whole[at / 4..].to_owned()),
            (ASKED, format!("{preamble}{whole}")),
            (PREFILLED, format!("{preamble}{whole}")),
        ] {
            let told = sewn(seam, said, &[&new]);
            let may_end = at < WINDOW_BYTES && new.starts_with(preamble);
            let is_right = told.as_ref() == Ok(&whole) || (may_end && told == Err(Mismatch::Unclear));
            assert!(is_right, "{at} {seam:?} {told:?}");
        }
    }
}

#[test]
fn little_is_held_back_of_what_goes_on() {
    let said = long(0, 5_000);
    for seam in [ASKED, PREFILLED] {
        let mut stitch = Stitch::new(seam, &said);
        let mut held = 0;
        for letter in long(5_000, 5_200).chars() {
            held += usize::from(stitch.text(letter.encode_utf8(&mut [0; 4])).unwrap().is_empty());
        }
        assert!(held < WINDOW_BYTES, "{held}");
    }
}

/// A search that looks at the old text anew for each piece, or for each place in it, would not end today.
#[test]
fn a_megabyte_that_comes_byte_by_byte_takes_a_moment() {
    let megabyte = 1_000_000;
    let patterns = ["a".repeat(megabyte), "ab".repeat(megabyte / 2), long(0, megabyte / 10)];
    for said in &patterns {
        for (seam, new) in [(ASKED, said), (PREFILLED, said), (ASKED, &(said[1..].to_owned() + "?"))] {
            let mut stitch = Stitch::new(seam, said);
            let mut buffer = [0; 4];
            let mut told = Ok(());
            for letter in new.chars() {
                told = told.and_then(|()| stitch.text(letter.encode_utf8(&mut buffer)).map(drop));
            }
            assert!(told.and_then(|()| stitch.end()).is_ok(), "{seam:?} {}", &said[..20]);
        }
    }
}

/// Sentences in which no word comes twice, as an answer's last lines mostly are.
fn prose() -> impl Strategy<Value = String> {
    let words: Vec<String> = "Lisbon trams climb steep hills while tourists photograph tiled façades; \
        meanwhile, bakers finish custard tarts. 東京 Ünïcode naïve emoji 🚋 rides everywhere!\n\nSecond \
        paragraph: budgets matter, latency too — failover keeps products answering (mostly)."
        .split(' ')
        .map(str::to_owned)
        .collect();
    Just(words).prop_shuffle().prop_map(|words| words.join(" "))
}

/// Cuts a text at any characters.
fn pieces(text: &str, cuts: &[prop::sample::Index]) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut at: Vec<usize> =
        cuts.iter().map(|cut| cut.index(chars.len() + 1)).chain([0, chars.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|span| chars[span[0]..span[1]].iter().collect()).collect()
}

/// Prose of words that are made up, as long as an answer is.
fn answer() -> impl Strategy<Value = String> {
    (any::<u64>(), 0..=5_000_usize).prop_map(|(seed, length)| {
        // Knuth's generator ("MMIX"): as good as any here, and quicker than a strategy for each word.
        let mut state = seed;
        let mut pick = |from: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % from
        };
        let letters: Vec<char> = "abcdefghijklmnopqrstuvwxyzäé".chars().collect();
        let (mut text, mut chars) = (String::new(), 0);
        while chars < length {
            let kind = pick(10);
            let mut word: String = match kind {
                0 => (0..=pick(4)).map(|_| ['東', '京', '電', '車', '走', '丘'][pick(6)]).collect(),
                1 => (1_000 + pick(9_000)).to_string(),
                _ => (0..3 + pick(7)).map(|_| letters[pick(letters.len())]).collect(),
            };
            if kind == 2 {
                word = word.to_uppercase().chars().take(1).chain(word.chars().skip(1)).collect();
            }
            let space = [" ", " ", " ", " ", " ", " ", ", ", ". ", "\n\n- ", "\n"][pick(10)];
            chars += word.chars().count() + space.len();
            text += &(word + space);
        }
        text.chars().take(length).collect()
    })
}

/// How another upstream answers that was asked for the rest.
#[derive(Clone, Debug)]
enum Rest {
    /// As it should.
    Goes,
    /// It repeats so many characters of the end first.
    Repeats(prop::sample::Index),
    /// It begins anew.
    Anew,
    /// The same, behind a preamble.
    Preamble(&'static str),
    /// It begins anew and says something else from somewhere on.
    Differs(prop::sample::Index),
}

fn rest() -> impl Strategy<Value = Rest> {
    let preamble = prop::sample::select(vec![
        "Sure! Here is the answer again:\n\n",
        "Of course. ",
        "I apologise for the interruption. Here is the complete answer from its beginning on:\n\n> ",
        "\n\n",
    ]);
    prop_oneof![
        Just(Rest::Goes),
        any::<prop::sample::Index>().prop_map(Rest::Repeats),
        Just(Rest::Anew),
        preamble.prop_map(Rest::Preamble),
        any::<prop::sample::Index>().prop_map(Rest::Differs),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn nothing_is_told_twice_or_altered_however_an_upstream_answers(
        text in answer(),
        split in any::<prop::sample::Index>(),
        rest in rest(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        by_letter in any::<bool>(),
        prefilled in any::<bool>(),
    ) {
        let chars: Vec<char> = text.chars().collect();
        let split = split.index(chars.len() + 1);
        let said: String = chars[..split].iter().collect();
        let part = |from: usize| chars[from..].iter().collect::<String>();
        // A prefill is sent without the whitespace at its end, which the model then writes itself.
        let asked_from = if prefilled { said.trim_end().chars().count() } else { split };
        let new = match &rest {
            Rest::Goes => part(asked_from),
            // A letter or two can't be told from a syllable that doubles; a prefilled model repeats nothing.
            Rest::Repeats(by) => {
                let by = by.index(split + 1);
                let from = split - by;
                let repeated: String = chars[from..split].iter().collect();
                let is_word = repeated.starts_with(char::is_alphanumeric)
                    && (from == 0 || !chars[from - 1].is_alphanumeric());
                let is_words = is_word
                    && by >= 2 * WORD_CHARS
                    && (repeated.ends_with(char::is_alphanumeric) || repeated.split_whitespace().nth(1).is_some());
                prop_assume!(by == 0 || (!prefilled && (is_words || by >= 2 * REPEAT_CHARS)));
                let from = if by == 0 { asked_from } else { from };
                part(from)
            }
            Rest::Anew => text.clone(),
            Rest::Preamble(preamble) => format!("{preamble}{text}"),
            Rest::Differs(at) => {
                let at = at.index(split + 1);
                let other: String = chars[at..].iter().rev().collect();
                chars[..at].iter().collect::<String>() + "Ω" + &other
            }
        };
        // Two or three characters are nothing to know an answer by, nor is a difference where it begins.
        let is_known = match &rest {
            Rest::Goes | Rest::Repeats(_) => true,
            Rest::Anew => split == 0 || !prefilled || split >= 2 * REPEAT_CHARS,
            Rest::Preamble(_) => split == 0 || split >= 4 * REPEAT_CHARS,
            Rest::Differs(at) => (2 * HEAD_BYTES..split).contains(&at.index(split + 1)),
        };
        prop_assume!(is_known);
        let new: Vec<String> =
            if by_letter { new.chars().map(String::from).collect() } else { pieces(&new, &cuts) };
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        let told = sewn(Seam::Continue { prefilled }, &said, &new);
        let begins = matches!(rest, Rest::Preamble(_)) && split == 0;
        match (&rest, told) {
            (Rest::Goes | Rest::Repeats(_), Ok(told)) => prop_assert_eq!(told, text),
            (Rest::Goes | Rest::Repeats(_), Err(why)) => prop_assert!(split < WORD_CHARS, "{:?}", why),
            (Rest::Differs(_), told) => prop_assert!(told.is_err(), "{:?}", told),
            (Rest::Anew | Rest::Preamble(_), Ok(told)) => prop_assert!(told == text || begins, "{}", told),
            (Rest::Anew, Err(why)) => prop_assert!(split < WORD_CHARS, "{:?}", why),
            (Rest::Preamble(_), Err(_)) => prop_assert!(said.len() < WINDOW_BYTES),
        }
    }

    #[test]
    fn however_much_is_repeated_the_text_is_whole(
        text in prose(),
        split in any::<prop::sample::Index>(),
        repeat in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let chars: Vec<char> = text.chars().collect();
        let split = split.index(chars.len() + 1);
        // A model repeats nothing, a dozen characters or more, or words.
        let mut from = split - repeat.index(split + 1);
        if split - from < REPEAT_CHARS {
            while from > 0 && chars[from - 1].is_alphanumeric() {
                from -= 1;
            }
        }
        let said: String = chars[..split].iter().collect();
        let repeated: String = chars[from..split].iter().collect();
        let is_word = from == 0 || !chars[from - 1].is_alphanumeric();
        let is_plain = repeated.chars().count() >= 2 * REPEAT_CHARS
            || (is_word && repeated.starts_with(char::is_alphanumeric) && repeated.trim().contains(' '));
        prop_assume!(repeated.is_empty() || is_plain);
        let new: String = chars[from..].iter().collect();
        let pieces = pieces(&new, &cuts);
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        prop_assert_eq!(sewn(ASKED, &said, &pieces).unwrap(), text.clone());
        // Asked anew it repeats the whole; prefilled it repeats nothing.
        prop_assert_eq!(sewn(Seam::Restart, &said, &[text.as_str()]).unwrap(), text.clone());
        let kept = said.trim_end().chars().count();
        let rest: String = chars[kept..].iter().collect();
        prop_assert_eq!(sewn(PREFILLED, &said, &[&rest]).unwrap(), text);
    }

    #[test]
    fn any_text_after_any_other_is_told_but_for_a_repeat_or_refused(said in "[ab \n]{0,40}", new in "[ab \n]{0,40}") {
        let Ok(whole) = sewn(ASKED, &said, &[&new]) else { return Ok(()) };
        let is_tail = format!("{said}{new}").ends_with(&whole[said.len()..]);
        prop_assert!(whole.starts_with(&said) && is_tail);
    }
}
