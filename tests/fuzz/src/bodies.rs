//! Bodies of which a little is changed and every other byte has to stay.

use switchyard_wire::{How, continue_request, strip_foreign_seals};

use crate::choices::Choices;
use crate::json::{is_json, is_part_of};

/// Takes calls without a seal, so that none is put in another's place.
const MODEL: &str = "gemini-2.5-flash";

/// Taking seals out only takes out, and leaves JSON of JSON.
pub fn seals(choices: &Choices, data: &[u8]) {
    for dialect in [choices.caller(), choices.upstream()] {
        let stripped = strip_foreign_seals(dialect, data, MODEL);
        assert!(is_part_of(&stripped, data), "{}", String::from_utf8_lossy(&stripped));
        assert!(!is_json(data) || is_json(&stripped), "{}", String::from_utf8_lossy(&stripped));
        let again = strip_foreign_seals(dialect, &stripped, MODEL);
        assert!(is_part_of(&again, &stripped));
    }
}

/// Continuing a request only adds to it: JSON stays JSON, and what was said is in it.
pub fn continuation(choices: &Choices, data: &[u8]) {
    let (said, body) = choices.split(data);
    let said = String::from_utf8_lossy(said);
    for how in [How::Prefill, How::Instruction] {
        let Ok(continued) = continue_request(choices.caller(), body, &said, how) else { continue };
        let shown = || String::from_utf8_lossy(&continued);
        assert!(is_part_of(body, &continued), "{}", shown());
        assert!(!is_json(body) || is_json(&continued), "{}", shown());
        let kept = said.trim_end();
        if !kept.trim().is_empty() {
            let written = serde_json::to_string(kept).expect("a string is JSON");
            let written = &written.as_bytes()[1..written.len() - 1];
            assert!(memchr::memmem::find(&continued, written).is_some(), "{}", shown());
        }
    }
}
