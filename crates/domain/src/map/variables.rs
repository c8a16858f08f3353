//! `${NAME}` in a map's strings.

use super::fault::{Fault, Faults, Path};

/// Where `${NAME}` is looked up: the environment, then credentials.
pub trait Variables {
    /// The value, where there is one.
    fn get(&self, name: &str) -> Option<String>;
}

/// No variable is set.
#[derive(Clone, Copy, Debug)]
pub struct NoVariables;

impl Variables for NoVariables {
    fn get(&self, _name: &str) -> Option<String> {
        None
    }
}

impl<F: Fn(&str) -> Option<String>> Variables for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// Replaces every `${NAME}`; `$${` stays `${`. Each unset or malformed reference is one fault at `path`.
pub(super) fn expand(
    text: &str,
    variables: &dyn Variables,
    path: &Path,
    faults: &mut Faults,
) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut whole = true;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else {
            faults.push(Fault::new(path.as_str(), "`${` is never closed. Write ${NAME}."));
            return None;
        };
        let name = &rest[at + 2..at + end];
        let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid {
            let message =
                format!("`${{{name}}}` isn't a variable name. Use letters, digits and underscores.");
            faults.push(Fault::new(path.as_str(), message));
            whole = false;
        } else if let Some(value) = variables.get(name).filter(|v| !v.trim().is_empty()) {
            out.push_str(value.trim());
        } else {
            let message = format!(
                "${{{name}}} is not set. Set it in the router's environment, or run `switchyard credential set {name}`."
            );
            faults.push(Fault::new(path.as_str(), message));
            whole = false;
        }
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    whole.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_expand_or_say_what_is_missing() {
        let set = |name: &str| (name == "HOST").then(|| "example.com".to_owned());
        let cases: &[(&str, Result<&str, &str>)] = &[
            ("plain", Ok("plain")),
            ("https://${HOST}/v1", Ok("https://example.com/v1")),
            ("${HOST}${HOST}", Ok("example.comexample.com")),
            ("$${HOST}", Ok("${HOST}")),
            ("${MISSING}", Err("${MISSING} is not set")),
            ("${not a name}", Err("isn't a variable name")),
            ("${HOST", Err("never closed")),
        ];
        for (text, expected) in cases {
            let mut faults = Faults::default();
            let got = expand(text, &set, &Path::root().field("baseUrl"), &mut faults);
            match expected {
                Ok(value) => assert_eq!(got.as_deref(), Some(*value), "{text}"),
                Err(part) => {
                    assert_eq!(got, None, "{text}");
                    let faults = faults.into_told();
                    assert!(faults[0].to_string().contains(part), "{text}: {}", faults[0]);
                    assert_eq!(faults[0].path, "baseUrl");
                }
            }
        }
    }
}
