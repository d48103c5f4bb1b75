//! Names as they stand in SQL.

/// The most bytes of a name, as PostgreSQL is built; it would cut off what is longer.
const MAX_NAME: usize = 63;

/// The name of a table, with its schema where it has one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct TableName {
    written: String,
    schema: Option<String>,
    quoted: String,
}

impl TableName {
    /// Reads `table` or `schema.table`.
    pub(super) fn parse(written: &str) -> Result<Self, String> {
        let parts: Vec<&str> = written.split('.').collect();
        let is_name = |part: &&str| !part.is_empty() && part.len() <= MAX_NAME && !part.contains('\0');
        if parts.len() > 2 || !parts.iter().all(is_name) {
            return Err(format!(
                "`{written}` is not a table: write `orders` or `sales.orders`, of 63 bytes each at most"
            ));
        }
        let schema = if let [schema, _] = parts.as_slice() { Some(quoted(schema)) } else { None };
        let quoted: Vec<String> = parts.into_iter().map(quoted).collect();
        Ok(Self { written: written.to_owned(), schema, quoted: quoted.join(".") })
    }

    /// Returns the name as it was written.
    pub(super) fn written(&self) -> &str {
        &self.written
    }

    /// Returns the schema as it stands in SQL, where the name has one.
    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Returns the name as it stands in SQL.
    pub(super) fn quoted(&self) -> &str {
        &self.quoted
    }
}

/// Quotes a name.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The columns that every table has of the system (PostgreSQL's documentation, section 5.5).
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Says why no column can have a name, if that is so.
pub(super) fn column_fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("is empty, and no column is called so")
    } else if name.len() > MAX_NAME {
        Some("is longer than the 63 bytes that the name of a column may have")
    } else if name.contains('\0') {
        Some("has the character U+0000, which no name can hold")
    } else if SYSTEM_COLUMNS.contains(&name) {
        Some("is called like a column of the system")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_bounded() {
        assert_eq!(
            TableName::parse("sales.Orders").map(|name| name.quoted),
            Ok("\"sales\".\"Orders\"".to_owned())
        );
        assert_eq!(TableName::parse("x\"; drop").map(|name| name.quoted), Ok("\"x\"\"; drop\"".to_owned()));
        let long = "x".repeat(64);
        for bad in ["", "a.", ".a", "a.b.c", "a\0", &long] {
            assert!(TableName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
