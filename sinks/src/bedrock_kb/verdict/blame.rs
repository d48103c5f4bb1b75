//! Which document of a refused call is at fault, where the service says so beyond doubt. Pure.

use aws_sdk_bedrockagent::types::ValidationExceptionField;

/// Returns the indices of the documents at fault, from 0; none where that is not certain, since a wrong guess would
/// reject a good record: the engine narrows the call down then.
pub(crate) fn culprits(ids: &[&str], words: &str, fields: &[ValidationExceptionField]) -> Vec<usize> {
    let named: Option<Vec<usize>> = fields.iter().map(|field| index_in(field.name())).collect();
    let named = named.filter(|indices| !indices.is_empty() && indices.iter().all(|index| *index < ids.len()));
    named.unwrap_or_else(|| quoted(ids, words).into_iter().collect())
}

/// Reads the index out of a field's name. Smithy's servers count from 0 in a JSON pointer, as does everybody in
/// brackets; AWS's older framework counts from 1, and says `member`. A bare `documents.3` is either.
fn index_in(field: &str) -> Option<usize> {
    let number = |text: &str| text.parse::<usize>().ok();
    if let Some(rest) = field.strip_prefix("/documents/") {
        return number(rest.split('/').next()?);
    }
    if let Some(rest) = field.strip_prefix("documents[") {
        return number(rest.split_once(']')?.0);
    }
    let (index, rest) = field.strip_prefix("documents.")?.split_once('.')?;
    let of_members = rest == "member" || rest.starts_with("member.");
    if of_members { number(index)?.checked_sub(1) } else { None }
}

/// Finds the one document whose id is quoted in the words.
fn quoted(ids: &[&str], words: &str) -> Option<usize> {
    let is_quoted =
        |id: &str| ['\'', '"', '`'].iter().any(|quote| words.contains(&format!("{quote}{id}{quote}")));
    let mut found = ids.iter().enumerate().filter(|(_, id)| is_quoted(id)).map(|(index, _)| index);
    let first = found.next()?;
    if found.next().is_none() { Some(first) } else { None }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const IDS: [&str; 3] = ["prices-0-1", "prices-0-12", "3"];

    fn by(words: &str, fields: &[&str]) -> Vec<usize> {
        let field =
            |name: &&str| ValidationExceptionField::builder().name(*name).message("bad").build().unwrap();
        culprits(&IDS, words, &fields.iter().map(field).collect::<Vec<_>>())
    }

    #[test]
    fn a_field_names_the_document_where_its_notation_says_how_it_counts() {
        assert_eq!(by("", &["/documents/2/content"]), [2]);
        assert_eq!(by("", &["documents[2].content.custom", "documents[0].metadata"]), [2, 0]);
        assert_eq!(by("", &["documents.2.member.content"]), [1]);
        assert_eq!(by("", &["documents.1.member"]), [0]);
    }

    #[test]
    fn nobody_is_blamed_where_it_is_not_certain() {
        for fields in [
            &["documents.2.content"] as &[_],
            &["documents"],
            &["documents[7].content"],
            &["documents.0.member.content"],
            &["documents[1].content", "clientToken"],
            &[],
        ] {
            assert_eq!(by("a value is wrong", fields), [0; 0], "{fields:?}");
        }
    }

    #[test]
    fn an_id_in_quotes_names_the_document_and_its_likes_do_not() {
        assert_eq!(by("document 'prices-0-1' is wrong", &[]), [0]);
        assert_eq!(by("document \"prices-0-12\" is wrong", &["documents"]), [1]);
        assert_eq!(by("document prices-0-1 is wrong", &[]), [0; 0], "it may be the start of another");
        assert_eq!(by("3 validation errors", &[]), [0; 0]);
        assert_eq!(by("'prices-0-1' and 'prices-0-12' are alike", &[]), [0; 0]);
    }
}
