//! Signed thoughts: a provider recognises its own when a conversation brings them back, and no others.
//!
//! A checksum, no secret: it tells a mistake from the truth, which is all a simulation needs.

/// The signature of a thought by `realm`, whoever accepts each other's thoughts: the vendor, or, where the vendor
/// binds them to the account, the provider.
pub(crate) fn sign(realm: &str, thought: &str) -> String {
    let mut state: u64 = 0x51_6E_A7_5E;
    let mut signature = String::from("sim");
    for round in 0..3_u8 {
        for byte in realm.bytes().chain([0, round]).chain(thought.bytes()) {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(17);
        }
        signature.push_str(&format!("{state:016x}"));
    }
    // As long as base64 wants it, for whoever decodes it (Gemini's signatures are bytes).
    signature.push('A');
    signature
}

/// Whether the signature is `realm`'s for this thought.
pub(crate) fn is_signed(realm: &str, thought: &str, signature: &str) -> bool {
    sign(realm, thought) == signature
}

/// A thought nobody else can read, as OpenAI's `encrypted_content`: in it, and its signature.
pub(crate) fn seal(realm: &str, thought: &str) -> String {
    let hex: String = thought.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{hex}", sign(realm, thought))
}

/// The thought in what [`seal`] made for the same realm; absent if another made it.
pub(crate) fn open(realm: &str, sealed: &str) -> Option<String> {
    let (signature, hex) = sealed.split_once('.')?;
    let digits: Option<Vec<u8>> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect();
    let thought = String::from_utf8(digits?).ok()?;
    is_signed(realm, &thought, signature).then_some(thought)
}
