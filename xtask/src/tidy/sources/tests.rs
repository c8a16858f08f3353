use super::*;
use crate::tidy::Severity;

const DOCS: &str = "//! Why it exists.\n";

fn faults(path: &str, text: &str) -> Vec<String> {
    check(Path::new(path), text).iter().map(Fault::to_string).collect()
}

#[test]
fn a_file_within_the_rules_has_no_faults() {
    assert_eq!(faults("crates/a/src/lib.rs", DOCS), Vec::<String>::new());
    assert_eq!(faults("ui/src/App.svelte", "<script lang=\"ts\">\n</script>\n"), Vec::<String>::new());
}

#[test]
fn each_forbidden_text_is_found_with_its_line() {
    for (text, path) in [
        (concat!("todo", "!()"), "crates/a/src/x.rs"),
        (concat!("unimplemented", "!()"), "tests/scenarios/x.rs"),
        (concat!("dbg", "!(x)"), "src-tauri/src/main.rs"),
        (concat!("#[", "ignore]"), "tests/scenarios/x.rs"),
        (concat!("#[", "ignore = \"slow\"]"), "crates/a/src/x.rs"),
        (concat!("it.on", "ly('x')"), "ui/src/x.test.ts"),
        (concat!("it.sk", "ip('x')"), "ui/src/x.test.ts"),
        (concat!("let dir = \"/wo", "rk/main\";"), "crates/a/src/x.rs"),
        (concat!("(/ro", "ot/.cargo)"), "crates/a/src/x.rs"),
    ] {
        let found = faults(path, &format!("{DOCS}{text}\n"));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].starts_with(&format!("error: {path}:2: ")), "{found:?}");
    }
}

#[test]
fn what_only_looks_like_forbidden_text_is_not_found() {
    for line in [
        "items.iter().skip(1)".to_owned(),
        concat!("https://example.com/wo", "rk/item").to_owned(),
        concat!("format!(\"{base}/ro", "ot/x\")").to_owned(),
        concat!("\"$HOME/wo", "rk/x\"").to_owned(),
    ] {
        assert_eq!(faults("crates/a/src/x.rs", &format!("{DOCS}{line}\n")), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn a_module_lies_beside_its_folder() {
    let found = faults(concat!("crates/a/src/b/mod", ".rs"), DOCS);
    assert!(found.len() == 1 && found[0].contains("`name.rs` and `name/`"), "{found:?}");
}

#[test]
fn every_file_of_a_crate_says_why_it_exists() {
    for (path, text, faulty) in [
        ("crates/a/src/b.rs", "use x;\n", true),
        ("crates/a/src/b.rs", "", true),
        ("crates/a/src/b.rs", "// Not module docs.\n", true),
        ("crates/a/src/lib.rs", "#![expect(x)]\n\n//! Why.\n", false),
        ("crates/a/src/b/tests.rs", "use super::*;\n", false),
        ("crates/a/build.rs", "fn main() {}\n", false),
        ("tests/scenarios/x.rs", "use x;\n", false),
    ] {
        let found = faults(path, text);
        assert_eq!(found.iter().any(|fault| fault.contains("module docs")), faulty, "{path} {text:?}");
    }
}

#[test]
fn sizes_count_code_only() {
    let code = |lines: usize| DOCS.to_owned() + &"let x = 1;\n".repeat(lines);
    let severity = |path: &str, text: &str| check(Path::new(path), text).first().map(|fault| fault.severity);
    for (path, text, expected) in [
        ("crates/a/src/x.rs", code(SMELL), None),
        ("crates/a/src/x.rs", code(SMELL + 1), Some(Severity::Warning)),
        ("crates/a/src/x.rs", code(LIMIT), Some(Severity::Warning)),
        ("crates/a/src/x.rs", code(LIMIT + 1), Some(Severity::Error)),
        ("ui/src/X.svelte", code(LIMIT + 1), Some(Severity::Error)),
        ("crates/a/src/x/tests.rs", code(LIMIT + 1), None),
        ("tests/scenarios/x.rs", code(LIMIT + 1), None),
        ("ui/src/api/generated.ts", code(LIMIT + 1), None),
        ("ui/src/x.test.ts", code(LIMIT + 1), None),
        ("crates/a/src/x.rs", code(SMELL) + &"// why\n\n".repeat(300), None),
        ("crates/a/src/x.rs", code(SMELL) + "#[cfg(test)]\nmod tests {\n" + &code(300), None),
    ] {
        assert_eq!(severity(path, &text), expected, "{path}, {} lines", text.lines().count());
    }
}
