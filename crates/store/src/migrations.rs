//! The schema's steps, one file each in `migrations/`. A step that has run anywhere is never changed again: its checksum
//! is kept in the database.
//!
//! They are listed by hand: sqlx's own macro would have SQLite compiled a second time with every build, for the compiler.

use std::sync::LazyLock;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, name and statements of each step, as the file is named.
const STEPS: [(i64, &str, &str); 6] = [
    (1, "init", include_str!("../../../migrations/0001_init.sql")),
    (2, "dialects", include_str!("../../../migrations/0002_dialects.sql")),
    (3, "compat", include_str!("../../../migrations/0003_compat.sql")),
    (4, "incidents", include_str!("../../../migrations/0004_incidents.sql")),
    (5, "job bodies", include_str!("../../../migrations/0005_job_bodies.sql")),
    (6, "ledger", include_str!("../../../migrations/0006_ledger.sql")),
];

pub(crate) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let step = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(STEPS.map(step).into())
});

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[tokio::test]
    async fn every_file_is_a_step_and_every_step_a_file() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        let files = Migrator::new(folder).await.unwrap();
        let told = |migrator: &Migrator| -> Vec<_> {
            let told = |step: &Migration| (step.version, step.description.clone(), step.checksum.clone());
            migrator.iter().map(told).collect()
        };
        assert_eq!(told(&MIGRATIONS), told(&files));
    }
}
