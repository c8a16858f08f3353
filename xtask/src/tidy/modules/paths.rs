//! The paths that a file names.

/// A path, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Import {
    /// As it is written, the braces of a `use` taken apart: `["super", "case", "Case"]`.
    pub(in super::super) path: Vec<String>,
    /// What a `use` calls it; none for a path in an expression or a type.
    pub(in super::super) name: Option<String>,
    /// From 1.
    pub(in super::super) line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Name(&'a str),
    /// `::`
    Into,
    Other(char),
}

/// A token and its line.
type Placed<'a> = (Token<'a>, usize);

/// Every path of a file's code: those of its `use` items, then those with two names or more in between.
pub(super) fn read(code: &str) -> Vec<Import> {
    let tokens = tokens(code);
    let (mut uses, mut others) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map(|before| tokens[before].0);
        let continues = matches!(before, Some(Token::Into | Token::Other('.')));
        match tokens[at].0 {
            Token::Name("use") if !continues => at = read_use(&tokens, at + 1, &[], &mut uses),
            Token::Name(_) if !continues => at = read_path(&tokens, at, &mut others),
            Token::Name(_) | Token::Into | Token::Other(_) => at += 1,
        }
    }
    uses.extend(others);
    uses
}

fn tokens(code: &str) -> Vec<Placed<'_>> {
    let mut tokens = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let (token, length) = if first.is_alphabetic() || first == '_' {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
                (Token::Name(&rest[..end]), end)
            } else if rest.starts_with("::") {
                (Token::Into, 2)
            } else {
                (Token::Other(first), first.len_utf8())
            };
            tokens.push((token, line + 1));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Reads one tree of a `use` behind `prefix`; where it ends.
fn read_use(tokens: &[Placed<'_>], mut at: usize, prefix: &[String], found: &mut Vec<Import>) -> usize {
    let mut path = prefix.to_vec();
    let mut name = None;
    let line = tokens.get(at).map_or(0, |(_, line)| *line);
    let mut is_leaf = true;
    while let Some((token, _)) = tokens.get(at) {
        match token {
            Token::Name("as") => {
                name = tokens.get(at + 1).and_then(|(token, _)| named(*token));
                at += 1;
            }
            Token::Name(part) => path.push((*part).to_owned()),
            Token::Other('{') => {
                is_leaf = false;
                at += 1;
                while tokens.get(at).is_some_and(|(token, _)| *token != Token::Other('}')) {
                    at = read_use(tokens, at, &path, found);
                    at += usize::from(tokens.get(at).is_some_and(|(token, _)| *token == Token::Other(',')));
                }
            }
            Token::Other(',' | '}' | ';') => break,
            Token::Into | Token::Other(_) => {}
        }
        at += 1;
    }
    if is_leaf && path.len() > prefix.len() {
        // `use a::{self}` names `a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = name.or_else(|| path.last().cloned());
        found.push(Import { path, name, line });
    }
    at
}

fn named(token: Token<'_>) -> Option<String> {
    match token {
        Token::Name(name) => Some(name.to_owned()),
        Token::Into | Token::Other(_) => None,
    }
}

/// Reads the path that begins here; where it ends.
fn read_path(tokens: &[Placed<'_>], mut at: usize, found: &mut Vec<Import>) -> usize {
    let line = tokens[at].1;
    let mut path = Vec::new();
    while let Some(name) = tokens.get(at).and_then(|(token, _)| named(*token)) {
        path.push(name);
        at += 1;
        if tokens.get(at).is_none_or(|(token, _)| *token != Token::Into) {
            break;
        }
        at += 1;
    }
    if path.len() > 1 {
        found.push(Import { path, name: None, line });
    }
    at
}
