//! Rust's text without what is not code, line by line as long as it was.

/// Comments, and what strings and characters hold, become blanks.
pub(super) fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped(rest, code.chars().next_back());
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            blank(&mut code, &rest[..skipped]);
            rest = &rest[skipped..];
        }
    }
    code
}

/// How many bytes of a comment, string or character `rest` begins with.
fn skipped(rest: &str, before: Option<char>) -> usize {
    let in_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        block_comment(rest)
    } else if let Some(string) = rest.strip_prefix('"') {
        1 + quoted(string, '"')
    } else if rest.starts_with('r') && !in_name {
        raw_string(rest)
    } else if rest.starts_with('\'') {
        character(rest)
    } else {
        0
    }
}

/// They nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Up to and with the closing quote.
fn quoted(rest: &str, end: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if c == end {
            return at + c.len_utf8();
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let (begin, end) = (2 + hashes, format!("\"{}", "#".repeat(hashes)));
    rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len())
}

/// A character, which a lifetime is not.
fn character(rest: &str) -> usize {
    let mut chars = rest[1..].chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), _) => 1 + quoted(&rest[1..], '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

fn blank(code: &mut String, skipped: &str) {
    code.extend(skipped.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
}

/// Items that only tests have become blanks; the names of modules among them that lie in files of their own.
pub(super) fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let (mut kept, mut modules) = (String::with_capacity(code.len()), Vec::new());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        let length = MARK.len() + item(&rest[at + MARK.len()..]);
        let (before, from) = rest.split_at(at);
        let (test, after) = from.split_at(length);
        kept.push_str(before);
        blank(&mut kept, test);
        modules.extend(declared(test));
        rest = after;
    }
    kept.push_str(rest);
    (kept, modules)
}

/// The length of the item that `rest` begins with: up to its semicolon or the end of its block.
fn item(rest: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in rest.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The module that a `mod name;` declares.
fn declared(item: &str) -> Option<String> {
    let mut words = item.trim_end().strip_suffix(';')?.split_whitespace().rev();
    let name = words.next()?;
    (words.next() == Some("mod")).then(|| name.to_owned())
}
