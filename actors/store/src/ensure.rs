//! Makes the schema be what this program expects.

use crate::{
    client::ClickHouse,
    dialect::Dialect,
    error::StoreError,
    migrations::MIGRATIONS,
    statements::{
        VERSION_TABLE, add_missing_columns, change_retention, create_statements, record_migration,
    },
    table::Table,
};

impl ClickHouse {
    /// Makes the databases and tables that are missing, adds columns that are missing, applies
    /// the configured retention and the migrations that are due. May be run at any time.
    ///
    /// # Errors
    ///
    /// As [`ClickHouse::insert`].
    pub async fn ensure_schema(&self) -> Result<(), StoreError> {
        let _one_at_a_time = self.shared.schema.lock().await;
        let store = &self.shared.config.store;
        for statement in create_statements(store)? {
            self.execute(&statement).await?;
        }
        for table in Table::ALL {
            let existing = self
                .lines(&format!(
                    "SELECT name FROM system.columns WHERE database = '{}' AND table = '{}'",
                    table.database(),
                    table.name()
                ))
                .await?;
            let engine = match store.dialect {
                Dialect::V18 => String::new(),
                Dialect::Modern => self
                    .lines(&format!(
                        "SELECT engine_full FROM system.tables WHERE database = '{}' AND name = '{}'",
                        table.database(),
                        table.name()
                    ))
                    .await?
                    .concat(),
            };
            let changes = [
                add_missing_columns(table, &existing, store),
                change_retention(table, &engine, store),
            ];
            for statement in changes.into_iter().flatten() {
                tracing::info!(%table, %statement, "changing a table");
                self.execute(&statement).await?;
            }
        }
        self.migrate().await
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let applied = self
            .lines(&format!("SELECT max(version) FROM {VERSION_TABLE}"))
            .await?
            .concat()
            .parse()
            .unwrap_or(0);
        for migration in MIGRATIONS.iter().filter(|m| m.version > applied) {
            tracing::info!(
                version = migration.version,
                name = migration.name,
                "migrating"
            );
            for statement in migration.statements {
                self.execute(statement).await?;
            }
            self.execute(&record_migration(migration.version, migration.name))
                .await?;
        }
        Ok(())
    }
}
