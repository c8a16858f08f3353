//! Makes sure there is something to embed: the built window, or a page that says how to build it.

use std::fs;
use std::io;
use std::path::Path;

const BUILT: &str = "../../ui/dist";
/// Only this page carries it, so nobody takes the page for the window (`src/ui.rs` looks for it).
const PAGE: &str = r#"<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="switchyard" content="window-not-built" />
    <title>Switchyard: the window is not built</title>
  </head>
  <body>
    <h1>The window is not built</h1>
    <p>The router runs; only its window is missing from this binary. Build it, then the binary again:</p>
    <pre>npm --prefix ui ci &amp;&amp; npm --prefix ui run build</pre>
    <p>Until then, <code>switchyard status</code> shows the same things.</p>
  </body>
</html>
"#;

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed={BUILT}");
    let index = Path::new(BUILT).join("index.html");
    if !index.exists() {
        fs::create_dir_all(BUILT)?;
        fs::write(index, PAGE)?;
    }
    Ok(())
}
