//! The log on standard error, a line for each entry and no more: what callers and providers wrote is in there, too.

use std::io::{self, Write};

use switchyard_domain::text::is_obeyed;

const ESCAPE: char = '\u{1b}';

/// Writes whole entries of a text log. `tracing-subscriber` hands over one at a time.
#[derive(Clone, Copy, Debug)]
pub struct LogLine {
    /// Whether the log is coloured. The escape characters are then its own: it writes out those in values.
    pub colours: bool,
}

impl LogLine {
    fn shown(self, entry: &[u8]) -> String {
        let text = String::from_utf8_lossy(entry);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let obeyed = |c: char| is_obeyed(c) && c != '\t' && !(self.colours && c == ESCAPE);
        let mut line = String::with_capacity(text.len() + 1);
        for c in text.chars() {
            if obeyed(c) { line.extend(c.escape_default()) } else { line.push(c) }
        }
        line.push('\n');
        line
    }
}

impl Write for LogLine {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(self.shown(entry).as_bytes())?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::LogLine;

    #[test]
    fn an_entry_is_one_line_and_its_values_colour_nothing() {
        let entry = "WARN model=\"x\n2026 ERROR forged\" \u{1b}[31m\r\n".as_bytes();
        let shown = LogLine { colours: false }.shown(entry);
        assert_eq!(shown, "WARN model=\"x\\n2026 ERROR forged\" \\u{1b}[31m\\r\n");
        assert_eq!(LogLine { colours: true }.shown(b"\x1b[33mWARN\x1b[0m a\n"), "\x1b[33mWARN\x1b[0m a\n");
    }
}
