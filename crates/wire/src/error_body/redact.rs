//! Takes out of a message whatever looks like a key. Providers quote the key they refuse.

const PLACEHOLDER: &str = "[redacted]";

/// Beginnings that only keys have.
const KEY_PREFIXES: [&str; 20] = [
    "sk-",
    "sk_",
    "pk-",
    "pk_",
    "rk_",
    "gsk_",
    "xai-",
    "aiza",
    "akia",
    "asia",
    "hf_",
    "nvapi-",
    "pplx-",
    "eyj",
    "ya29.",
    "1//0",
    "gocspx-",
    "absk",
    "bedrock-api-key-",
    "iqojb3",
];

/// Beginnings of ids, which providers quote in their reasons and which open nothing: OpenAI's (Responses' items have 48
/// hexadecimal digits and more), Anthropic's and OpenRouter's.
const ID_PREFIXES: [&str; 27] = [
    "asst_",
    "batch_",
    "call_",
    "chatcmpl-",
    "ci_",
    "cmp_",
    "cmpl-",
    "cntr_",
    "conv_",
    "ctc_",
    "fc_",
    "file-",
    "file_",
    "fs_",
    "gen-",
    "ig_",
    "item_",
    "mcp_",
    "msg_",
    "req_",
    "resp_",
    "rs_",
    "run_",
    "srvtoolu_",
    "thread_",
    "toolu_",
    "ws_",
];

/// Names after which the next word is a key.
const KEY_NAMES: [&str; 13] = [
    "bearer",
    "basic",
    "x-api-key",
    "api-key",
    "api_key",
    "apikey",
    "x-goog-api-key",
    "authorization",
    "token",
    "access_token",
    "refresh_token",
    "x-amz-security-token",
    "secret",
];

/// The message without keys, at most `limit` characters.
pub(super) fn redact(message: &str, limit: usize) -> String {
    let mut out = String::with_capacity(message.len().min(limit * 4));
    let mut expects_key = false;
    let mut rest = message;
    while !rest.is_empty() {
        let word_end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        if !word.is_empty() {
            let named = is_key_name(word);
            if !named && (looks_like_key(word) || (expects_key && is_opaque(word))) {
                out.push_str(PLACEHOLDER);
            } else {
                out.push_str(word);
            }
            expects_key = named;
        }
        let gap_end = after.find(is_word).unwrap_or(after.len());
        out.push_str(&after[..gap_end]);
        rest = &after[gap_end..];
    }
    bounded(&out, limit)
}

fn bounded(text: &str, limit: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        // One character gives way to the ellipsis that says something is missing.
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | '+' | '/' | '…')
}

fn is_key_name(word: &str) -> bool {
    KEY_NAMES.iter().any(|name| word.eq_ignore_ascii_case(name))
}

fn looks_like_key(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    if word.len() >= 8 && KEY_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return true;
    }
    // Base64: AWS's secret keys (40 characters) and session tokens, lines of a private key.
    if word.len() >= 40
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    {
        let has = |class: fn(&u8) -> bool| word.bytes().any(|byte| class(&byte));
        if has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) {
            return true;
        }
    }
    // A long unbroken run of letters and digits; identifiers have separators or a prefix of their own.
    if ID_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return false;
    }
    let run = word.split(|c: char| !c.is_ascii_alphanumeric()).find(|run| run.len() >= 32);
    run.is_some_and(|run| {
        run.bytes().any(|byte| byte.is_ascii_digit()) && run.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}

/// A word no sentence would hold: long, or with digits or masking in it.
fn is_opaque(word: &str) -> bool {
    word.len() >= 16 || (word.len() >= 6 && word.bytes().any(|byte| byte.is_ascii_digit() || byte == b'*'))
}
