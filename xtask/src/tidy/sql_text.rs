//! Recognises SQL in a string, and what the portable dialect forbids in it.

const FIRST_WORDS: [&str; 5] = ["select", "insert", "update", "delete", "with"];

/// Phrase and why it is forbidden.
const FORBIDDEN: [(&str, &str); 5] = [
    ("select *", "columns are listed"),
    ("insert or", "write ON CONFLICT … DO"),
    ("now(", "time is given to a statement"),
    ("random(", "randomness is given to a statement"),
    ("current_timestamp", "time is given to a statement"),
];

/// Whether the text begins as a statement does. Inside `store` a wrong guess costs nothing.
pub(super) fn begins_as_statement(text: &str) -> bool {
    let text = text.trim_start().to_ascii_lowercase();
    FIRST_WORDS.iter().any(|word| {
        let rest = text.strip_prefix(word);
        rest.is_some_and(|rest| rest.starts_with(char::is_whitespace))
    })
}

/// Whether the text is a statement and not a sentence as "Update the user" or "With no configuration …".
pub(super) fn is_statement(text: &str) -> bool {
    if !begins_as_statement(text) {
        return false;
    }
    let lowercase = text.to_ascii_lowercase();
    let words: Vec<&str> = lowercase.split_whitespace().collect();
    let first_as_written = text.split_whitespace().next().unwrap_or_default();
    let shouted = first_as_written
        .chars()
        .all(|letter| letter.is_ascii_uppercase());
    let has = |word: &str| words.contains(&word);
    match words.as_slice() {
        _ if shouted => true,
        ["insert", "into", ..] | ["delete", "from", ..] => true,
        ["update", _, "set", ..] => true,
        ["with", _, "as", ..] | ["with", "recursive", ..] => true,
        ["select", ..] => first_as_written == "select" && has("from"),
        _ => false,
    }
}

/// What the dialect forbids, each as a sentence.
pub(super) fn forbidden_phrases(text: &str) -> Vec<String> {
    let words: Vec<String> = text
        .split_whitespace()
        .map(str::to_ascii_lowercase)
        .collect();
    let text = words.join(" ");
    let found = FORBIDDEN
        .iter()
        .filter(|(phrase, _)| contains_phrase(&text, phrase));
    let mut sentences: Vec<String> = found
        .map(|(phrase, reason)| format!("`{}`: {reason}", phrase.to_ascii_uppercase()))
        .collect();
    if locks_rows(&text) {
        sentences.push("`FOR UPDATE` without SKIP LOCKED: compare and set instead".into());
    }
    sentences
}

/// `now(` is not found in `known(`.
fn contains_phrase(text: &str, phrase: &str) -> bool {
    text.match_indices(phrase).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || character == '_')
    })
}

fn locks_rows(text: &str) -> bool {
    text.split("for update")
        .skip(1)
        .any(|rest| !rest.starts_with(" skip locked"))
}

#[cfg(test)]
mod tests {
    use super::{begins_as_statement, forbidden_phrases, is_statement};

    #[test]
    fn statements_are_told_from_sentences() {
        for sql in [
            "SELECT 1",
            "\n  select id from users",
            "insert into users values ($1)",
            "Update users SET name = $1",
            "WITH recent AS (SELECT 1) SELECT 2",
            "delete\nfrom users",
        ] {
            assert!(is_statement(sql), "{sql}");
        }
        for prose in [
            "Select a plan from the list",
            "Update the user",
            "Delete the tenant",
            "With no configuration it starts",
            "selected",
            "updates",
        ] {
            assert!(!is_statement(prose), "{prose}");
        }
        assert!(begins_as_statement("Update the user"));
        assert!(!begins_as_statement("updates"));
    }

    #[test]
    fn forbidden_phrases_are_found_across_line_breaks() {
        assert_eq!(forbidden_phrases("SELECT\n   * FROM users").len(), 1);
        assert_eq!(
            forbidden_phrases("insert or replace into a values (now(), random())").len(),
            3
        );
        assert_eq!(
            forbidden_phrases("UPDATE a SET at = CURRENT_TIMESTAMP").len(),
            1
        );
        assert!(forbidden_phrases("SELECT known(a), unrandom(b) FROM c").is_empty());
    }

    #[test]
    fn rows_are_locked_only_to_skip_them() {
        assert_eq!(forbidden_phrases("SELECT id FROM jobs FOR UPDATE").len(), 1);
        assert!(
            forbidden_phrases("SELECT id FROM jobs FOR UPDATE\nSKIP LOCKED LIMIT 1").is_empty()
        );
        let both = "SELECT 1 FOR UPDATE SKIP LOCKED; SELECT 2 FOR UPDATE NOWAIT";
        assert_eq!(forbidden_phrases(both).len(), 1);
    }
}
