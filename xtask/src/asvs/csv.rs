//! Comma-separated values as of RFC 4180: quoted fields may hold commas, line breaks and doubled quotes.

/// All records of `text`, the header among them. Blank lines are no records.
pub(super) fn parse(text: &str) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && characters.peek() == Some(&'\n') => {}
            '\n' if !quoted => end_record(&mut records, &mut record, &mut field),
            other => field.push(other),
        }
    }
    end_record(&mut records, &mut record, &mut field);
    records
}

fn end_record(records: &mut Vec<Vec<String>>, record: &mut Vec<String>, field: &mut String) {
    if record.is_empty() && field.is_empty() {
        return;
    }
    record.push(std::mem::take(field));
    records.push(std::mem::take(record));
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quoted_fields_hold_commas_quotes_and_line_breaks() {
        let records = parse("id,text\r\nV1,\"a, \"\"b\"\"\nc\"\n\nV2,\n");
        assert_eq!(
            records,
            [
                vec!["id", "text"],
                vec!["V1", "a, \"b\"\nc"],
                vec!["V2", ""]
            ]
        );
    }

    #[test]
    fn the_last_line_needs_no_line_break() {
        assert_eq!(parse("a,b"), [vec!["a", "b"]]);
        assert!(parse("").is_empty());
    }
}
