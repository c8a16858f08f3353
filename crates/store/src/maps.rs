//! Every applied map, byte for byte. The latest one is the running one; older ones are what "restore" offers.
//!
//! This room does not read a map: whoever appends one has proven it.

use switchyard_domain::map::Format;

use crate::from_row::from_row;
use crate::{Result, Store, StoreError, named};

/// The map versions of one store.
#[derive(Clone, Copy, Debug)]
pub struct Maps<'a> {
    pub(crate) store: &'a Store,
}

/// A map to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMap<'a> {
    /// The text as it was given.
    pub document: &'a str,
    /// How it is written.
    pub format: Format,
    /// The map's name.
    pub name: &'a str,
    /// Who applies it: `window`, `cli`, `api`, `demo`, `restore`.
    pub source: &'a str,
    /// Why, in the words of whoever applies it.
    pub reason: Option<&'a str>,
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// The version it was written against (0: none was applied yet); absent to apply over whatever runs.
    pub base_version: Option<i64>,
}

/// One applied map, without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapHeader {
    /// From 1, without gaps.
    pub version: i64,
    /// UTC epoch milliseconds.
    pub at_ms: i64,
    /// The map's name.
    pub name: String,
    /// How it is written.
    pub format: Format,
    /// Who applied it.
    pub source: String,
    /// Why.
    pub reason: Option<String>,
}

/// One applied map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapVersion {
    /// All but its text.
    pub header: MapHeader,
    /// The text as it was given.
    pub document: String,
}

struct HeaderSql {
    version: i64,
    at_ms: i64,
    name: String,
    format: String,
    source: String,
    reason: Option<String>,
}

from_row!(HeaderSql { version, at_ms, name, format, source, reason });

struct VersionSql {
    header: HeaderSql,
    document: String,
}

from_row!(VersionSql { document } with header);

impl Maps<'_> {
    /// Makes a map the latest version and returns its number. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when it was written against a version that is not the latest; nothing changes then.
    pub async fn append(&self, map: &NewMap<'_>) -> Result<i64> {
        let fault = |error| self.store.fault(error);
        let turn = self.store.durable().await;
        let mut tx = turn.begin().await.map_err(fault)?;
        let running: i64 = sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM map_versions")
            .fetch_one(&mut *tx)
            .await
            .map_err(fault)?;
        if let Some(base) = map.base_version.filter(|base| *base != running) {
            return Err(StoreError::Stale { base, running });
        }
        let version = running + 1;
        sqlx::query(
            "INSERT INTO map_versions (version, at_ms, name, format, source, reason, document) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )
        .bind(version)
        .bind(map.at_ms)
        .bind(map.name)
        .bind(map.format.as_str())
        .bind(map.source)
        .bind(map.reason)
        .bind(map.document)
        .execute(&mut *tx)
        .await
        .map_err(fault)?;
        tx.commit().await.map_err(fault)?;
        Ok(version)
    }

    /// The running map; none before the first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn latest(&self) -> Result<Option<MapVersion>> {
        let query = sqlx::query_as("SELECT * FROM map_versions ORDER BY version DESC LIMIT 1");
        let row: Option<VersionSql> =
            query.fetch_optional(self.store.read()).await.map_err(|error| self.store.fault(error))?;
        row.map(|row| self.version(row)).transpose()
    }

    /// One version.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn get(&self, version: i64) -> Result<Option<MapVersion>> {
        let row: Option<VersionSql> = sqlx::query_as("SELECT * FROM map_versions WHERE version = ?1")
            .bind(version)
            .fetch_optional(self.store.read())
            .await
            .map_err(|error| self.store.fault(error))?;
        row.map(|row| self.version(row)).transpose()
    }

    /// The newest `limit` versions, newest first.
    ///
    /// # Errors
    /// When the database can't be read.
    pub async fn list(&self, limit: u32) -> Result<Vec<MapHeader>> {
        let rows: Vec<HeaderSql> = sqlx::query_as(
            "SELECT version, at_ms, name, format, source, reason FROM map_versions ORDER BY version DESC LIMIT ?1",
        )
        .bind(limit)
        .fetch_all(self.store.read())
        .await
        .map_err(|error| self.store.fault(error))?;
        rows.into_iter().map(|row| self.header(row)).collect()
    }

    fn version(&self, row: VersionSql) -> Result<MapVersion> {
        Ok(MapVersion { header: self.header(row.header)?, document: row.document })
    }

    fn header(&self, row: HeaderSql) -> Result<MapHeader> {
        Ok(MapHeader {
            format: named(&row.format)
                .map_err(|error| self.store.damaged(format!("map v{}: {error}", row.version)))?,
            version: row.version,
            at_ms: row.at_ms,
            name: row.name,
            source: row.source,
            reason: row.reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, NewMap};
    use crate::{Options, Store, StoreError};

    fn map(document: &str, base_version: Option<i64>) -> NewMap<'_> {
        NewMap {
            document,
            format: Format::Yaml,
            name: "production",
            source: "cli",
            reason: Some("a try"),
            at_ms: 7,
            base_version,
        }
    }

    #[tokio::test]
    async fn the_text_comes_back_byte_for_byte() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        let documents = [
            "\u{feff}# top\r\nhot: \"é\\u00e9\"\t \r\n\n",
            "{ }",
            "a: 'nul \0 inside'",
            "",
            "x".repeat(300_000).as_str(),
        ]
        .map(str::to_owned);
        for (index, document) in documents.iter().enumerate() {
            let version = store.maps().append(&map(document, None)).await.unwrap();
            assert_eq!(version, i64::try_from(index).unwrap() + 1);
            assert_eq!(store.maps().latest().await.unwrap().unwrap().document, *document);
        }
        let first = store.maps().get(1).await.unwrap().unwrap();
        assert_eq!(first.document.as_bytes(), documents[0].as_bytes());
        assert_eq!(first.header.reason.as_deref(), Some("a try"));
        assert_eq!(first.header.format, Format::Yaml);
        let versions: Vec<i64> = store.maps().list(3).await.unwrap().iter().map(|map| map.version).collect();
        assert_eq!(versions, [5, 4, 3]);
    }

    #[tokio::test]
    async fn a_stale_base_is_refused_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        assert_eq!(store.maps().append(&map("one", Some(0))).await.unwrap(), 1);
        assert_eq!(store.maps().append(&map("two", Some(1))).await.unwrap(), 2);
        for base in [0, 1, 3] {
            let refused = store.maps().append(&map("three", Some(base))).await.unwrap_err();
            assert!(matches!(refused, StoreError::Stale { base: b, running: 2 } if b == base), "{refused}");
            assert_eq!(refused.problem().code, "stale_base_version");
        }
        assert_eq!(store.maps().latest().await.unwrap().unwrap().document, "two");
    }

    #[tokio::test]
    async fn of_two_writers_against_the_same_base_one_wins() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &Options::default()).await.unwrap();
        let (maps, ours, theirs) = (store.maps(), map("ours", Some(0)), map("theirs", Some(0)));
        let (first, second) = tokio::join!(maps.append(&ours), maps.append(&theirs));
        assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
        assert_eq!(store.maps().list(10).await.unwrap().len(), 1);
    }
}
