//! Rows as structs, by hand: sqlx's own derive would have SQLite compiled a second time with every build, for the compiler.

/// Reads a struct's fields from the columns of the same names; what stands behind `with` is read from the same row.
macro_rules! from_row {
    ($row:ident { $($column:ident),+ $(,)? } $(with $part:ident)?) => {
        impl sqlx::FromRow<'_, sqlx::sqlite::SqliteRow> for $row {
            fn from_row(row: &sqlx::sqlite::SqliteRow) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok(Self {
                    $($column: row.try_get(stringify!($column))?,)+
                    $($part: sqlx::FromRow::from_row(row)?,)?
                })
            }
        }
    };
}
pub(crate) use from_row;
