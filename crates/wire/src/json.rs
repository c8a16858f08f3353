//! JSON in bytes, read.

use serde::Deserialize;

/// Reads JSON whose strings are borrowed from it.
///
/// `serde_json` checks the UTF-8 of every name and every string of a slice one by one, a tenth of what it costs to
/// translate an event of a stream. Here it is checked once for all of them.
pub(crate) fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(json) {
        Ok(json) => serde_json::from_str(json),
        // A string nobody reads may hold anything.
        Err(_) => serde_json::from_slice(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Named<'a> {
        name: &'a str,
    }

    #[test]
    fn a_string_nobody_reads_need_not_be_utf_8() {
        assert_eq!(read::<Named<'_>>("{\"name\":\"é\"}".as_bytes()).unwrap(), Named { name: "é" });
        assert_eq!(read::<Named<'_>>(b"{\"more\":\"\xff\",\"name\":\"a\"}").unwrap(), Named { name: "a" });
        assert!(read::<Named<'_>>(b"{\"name\":\"\xff\"}").is_err());
        assert!(read::<Named<'_>>(b"{\"name\":\"a").is_err());
    }
}
