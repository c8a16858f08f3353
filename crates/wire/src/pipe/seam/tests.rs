use proptest::prelude::*;

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
        (ASKED, "ha", "ha", "haha"),
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
fn nothing_is_held_back_longer_than_it_could_be_a_repeat() {
    let mut stitch = Stitch::new(ASKED, "The quick brown fox jumps over");
    assert_eq!(stitch.text("quick brown").unwrap(), "", "this may become a repeat");
    assert_eq!(stitch.text(" bear").unwrap(), "quick brown bear", "and did not");
    assert_eq!(stitch.text(" quick").unwrap(), " quick");
    let said = "x".repeat(3000) + " one two three four five six seven";
    let mut stitch = Stitch::new(ASKED, &said);
    let held: usize = said[2500..]
        .char_indices()
        .map(|(at, c)| {
            usize::from(stitch.text(&said[2500 + at..2500 + at + c.len_utf8()]).unwrap().is_empty())
        })
        .sum();
    assert!(held <= TAIL_CHARS, "{held}");
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

proptest! {
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
        prop_assume!(split - from <= TAIL_CHARS);
        prop_assume!(repeated.is_empty() || !repeat_starts(&said, 0).is_empty());
        let is_plain = repeat_starts(&said, 0).contains(&(said.len() - repeated.len()));
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
    fn any_text_after_any_other_is_told_but_for_a_repeat(said in "[ab \n]{0,40}", new in "[ab \n]{0,40}") {
        let whole = sewn(ASKED, &said, &[&new]).unwrap();
        let is_tail = format!("{said}{new}").ends_with(&whole[said.len()..]);
        prop_assert!(whole.starts_with(&said) && is_tail);
    }
}
