//! Tables of a real PostgreSQL.

use super::newest::arrivals_of;
use super::target::{Luck, Target};
use crate::matrix::judge::Sent;
use crate::postgres::Postgres;
use crate::proxy::{FaultyProxy, ProxyRules};
use crate::target::Arrival;

/// A table, and the way to it.
pub(super) struct PostgresTarget<'a> {
    server: &'a Postgres,
    proxy: FaultyProxy,
    table: String,
    /// Rows have a key, and no offsets go with them.
    is_upsert: bool,
}

/// A transaction is stored by its commit.
const BY_COMMIT: ProxyRules = ProxyRules { stores: |piece| contains(piece, b"COMMIT"), is_refused: |_| true };
/// A statement by itself is stored when it has run.
const BY_STATEMENT: ProxyRules =
    ProxyRules { stores: |piece| contains(piece, b"insert into \""), is_refused: |_| true };

impl<'a> PostgresTarget<'a> {
    /// Makes a table that refuses poison, by a condition on a row.
    pub(super) fn start(server: &'a Postgres, name: &str, is_upsert: bool, luck: Luck) -> Self {
        let table = name.replace('-', "_");
        let key = if is_upsert { "k text primary key" } else { "seq bigserial, k text" };
        server.sql(&format!(
            "create table {table} ({key}, n int, t text, poison boolean check (poison is null))"
        ));
        let rules = if is_upsert { BY_STATEMENT } else { BY_COMMIT };
        let proxy = FaultyProxy::start(server.port(), rules, luck.silent, luck.seed);
        Self { server, proxy, table, is_upsert }
    }

    fn rows(&self, order: &str) -> Vec<(String, usize)> {
        let rows = self.server.sql(&format!("select k, n from {} order by {order}", self.table));
        rows.into_iter().map(|row| (row[0].clone(), row[1].parse().expect("a number"))).collect()
    }
}

impl Target for PostgresTarget<'_> {
    fn sink(&self) -> String {
        let (port, table) = (self.proxy.port(), &self.table);
        let how = if self.is_upsert {
            "    mode: upsert\n    key: fields\n    key_columns: [k]\n    max_in_flight: 3\n".to_owned()
        } else {
            format!("    offsets_table: {table}_offsets\n    max_in_flight: 2\n")
        };
        format!(
            "  postgres:\n    url: postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable\n    table: {table}\n    \
             request_timeout: 3s\n{how}"
        )
    }

    fn is_exactly_once(&self) -> bool {
        !self.is_upsert
    }

    fn keeps_positions(&self) -> bool {
        !self.is_upsert
    }

    fn proxy(&self) -> Option<&FaultyProxy> {
        Some(&self.proxy)
    }

    fn arrivals(&self, sent: &[Sent]) -> Vec<Arrival> {
        if self.is_upsert {
            return arrivals_of(&self.rows("k").into_iter().collect(), sent);
        }
        let rows = self.rows("seq").into_iter();
        rows.map(|(key, number)| Arrival { key, number, early: false }).collect()
    }
}

/// Says whether bytes are part of others.
fn contains(piece: &[u8], what: &[u8]) -> bool {
    piece.windows(what.len()).any(|window| window == what)
}
