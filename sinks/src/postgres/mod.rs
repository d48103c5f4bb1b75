//! Tables of a PostgreSQL database.
//!
//! ```text
//! sink         the sink
//! check        what is wrong with the database, before anything is put
//! positions    exactly once: a group whose positions are rows of a table
//! store        the put of a batch, once more where a table has changed
//! offsets      how far a batch takes partitions, in the same transaction
//! run          statements
//! plan         which statements a batch becomes: rows of one kind together, the last of each key
//! row          what a record is in a table
//! whole        the whole value in one column
//! sample       which columns records need, found out from them and from their schemas
//! sample_type  the types of such columns
//! growth       tables that are made, and columns that are added
//! tables       how tables are built, kept until they change
//! statement    SQL
//! text         values as PostgreSQL reads them
//! equality     texts that a column may take for one value
//! address      where the database is, and what its `sslmode` asks for
//! connection   connections, TLS
//! lease        a connection in use, and what becomes of it when that is broken off
//! verdict      what an error says about the batch
//! settings     what an operator writes
//! names        names in SQL
//! ```

mod address;
mod check;
mod connection;
mod equality;
mod growth;
mod lease;
mod names;
mod offsets;
mod plan;
mod positions;
mod row;
mod run;
mod sample;
mod sample_type;
mod settings;
mod sink;
mod statement;
mod store;
mod tables;
mod text;
mod verdict;
mod whole;

pub use settings::{PostgresSettings, RowKey, UnknownFields, WriteMode};
