use super::*;

fn modules(files: &[(&str, &str)]) -> Modules {
    Modules::read(Path::new("src"), files.iter().map(|(file, text)| (Path::new(*file), *text)))
}

/// The paths that a file names, with their lines.
fn named(text: &str) -> Vec<(String, usize)> {
    let modules = modules(&[("a.rs", text)]);
    let (_, module) = modules.iter().next().unwrap();
    module.imports.iter().map(|import| (import.path.join("::"), import.line)).collect()
}

#[test]
fn paths_are_read_from_uses_types_and_calls() {
    let text = "use crate::x::{Y, z::{self, W as V}};\n\nfn f(a: &crate::b::B) -> super::C {\n    z::run(a.b::<u8>())\n}\n";
    let found = named(text);
    let expected = [
        ("crate::x::Y", 1),
        ("crate::x::z", 1),
        ("crate::x::z::W", 1),
        ("crate::b::B", 3),
        ("super::C", 3),
        ("z::run", 4),
    ];
    assert_eq!(found, expected.map(|(path, line)| (path.to_owned(), line)));
}

#[test]
fn what_is_no_code_names_nothing() {
    for text in [
        "// crate::b\n/* crate::b /* crate::b */ crate::b */",
        "const A: &str = \"crate::b \\\" crate::c\";",
        "const A: &str = r#\"crate::b \" crate::c\"#;",
        "#[cfg(test)]\nmod tests {\n    use crate::b;\n    fn f() {}\n}",
        "#[cfg(test)]\nfn f() -> crate::b::B {}",
    ] {
        assert_eq!(named(text), [], "{text}");
    }
    let text = "fn f<'a>(a: &'a str) -> char { '\"' }\nuse crate::b;\nconst C: char = '\\'';\nuse crate::c;";
    assert_eq!(named(text), [("crate::b".to_owned(), 2), ("crate::c".to_owned(), 4)]);
}

#[test]
fn a_module_that_only_tests_have_is_none() {
    let files = [
        ("a.rs", "#[cfg(test)]\nmod endings;\n#[cfg(test)]\nmod tests;\nmod b;"),
        ("a/b.rs", ""),
        ("a/endings.rs", ""),
        ("a/endings/more.rs", ""),
        ("a/tests.rs", ""),
    ];
    let found: Vec<String> = modules(&files).iter().map(|(path, _)| path.join("::")).collect();
    assert_eq!(found, ["a", "a::b"]);
}

#[test]
fn what_a_path_names_lies_in_one_module() {
    let modules = modules(&[
        ("lib.rs", "mod a; mod b; pub use a::inner::Deep;"),
        ("a.rs", "mod inner; pub(crate) use inner::Deep; pub(crate) use inner::Deep as Other; struct Own;"),
        ("a/inner.rs", ""),
        ("b.rs", ""),
    ]);
    let target = |within: &str, path: &str| {
        let within: ModulePath = within.split("::").map(str::to_owned).collect();
        let path = path.split("::").map(str::to_owned).collect();
        let found = modules.target(&within, &Import { path, name: None, line: 1 });
        found.map(|path| path.join("::"))
    };
    for (within, path, expected) in [
        ("b", "crate::a::Own", Some("a")),
        ("b", "super::a::Own", Some("a")),
        ("b", "crate::a::inner::Deep", Some("a::inner")),
        ("b", "crate::a::Deep", Some("a::inner")),
        ("b", "crate::a::Other", Some("a::inner")),
        ("b", "crate::Deep", Some("a::inner")),
        ("a", "inner::Deep", Some("a::inner")),
        ("a::inner", "super::Own", Some("a")),
        ("b", "std::fmt::Display", None),
        ("b", "inner::Deep", None),
    ] {
        assert_eq!(target(within, path).as_deref(), expected, "{within}: {path}");
    }
}
