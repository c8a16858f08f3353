//! Whether a built thing is older than what it is built from.

use std::path::Path;
use std::time::SystemTime;

/// True if `product` is missing or older than the newest file among `sources` (files or whole folders;
/// those that don't exist don't count).
pub(crate) fn is_stale<'a>(product: &Path, sources: impl IntoIterator<Item = &'a Path>) -> bool {
    let Some(built) = modified(product) else { return true };
    sources.into_iter().filter_map(newest).any(|source| source > built)
}

fn newest(path: &Path) -> Option<SystemTime> {
    if !path.is_dir() {
        return modified(path);
    }
    let entries = std::fs::read_dir(path).ok()?;
    entries.filter_map(|entry| newest(&entry.ok()?.path())).max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    fn write(path: &Path, age_s: u64) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let epoch = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        File::create(path).unwrap().set_modified(epoch - Duration::from_secs(age_s)).unwrap();
    }

    #[test]
    fn a_product_is_stale_when_missing_or_older_than_any_source() {
        let dir = tempfile::tempdir().unwrap();
        let [product, deep, other] =
            ["dist/index.html", "src/a/b.ts", "vite.config.ts"].map(|p| dir.path().join(p));
        let sources = [dir.path().join("src"), other.clone(), dir.path().join("absent")];
        let stale = || is_stale(&product, sources.iter().map(PathBuf::as_path));
        write(&deep, 100);
        write(&other, 100);
        assert!(stale(), "a missing product");
        write(&product, 50);
        assert!(!stale(), "a product newer than all sources");
        write(&deep, 10);
        assert!(stale(), "a source deep in a folder is newer");
        write(&deep, 100);
        write(&other, 10);
        assert!(stale(), "a single source file is newer");
    }
}
