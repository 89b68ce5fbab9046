//! What commands print: aligned columns for people, JSON for programs.

use serde_json::Value;
use std::io::{ErrorKind, Write};

/// Prints lines. Whoever reads them may have enough before the last one, as `head` has: that is no failure.
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints a page `{"items":[…],"next_cursor":…}` of objects with the same keys.
pub(crate) fn print_page(page: &Value, columns: &[&str], as_json: bool) -> std::io::Result<()> {
    if as_json {
        return print(&page.to_string());
    }
    let cells: Vec<Vec<String>> = items(page)
        .iter()
        .map(|item| {
            columns
                .iter()
                .map(|column| text_of(&item[*column]))
                .collect()
        })
        .collect();
    let widths: Vec<usize> = (0..columns.len())
        .map(|index| {
            let cells = cells
                .iter()
                .filter_map(|row| row.get(index))
                .map(|cell| cell.chars().count());
            cells
                .chain(columns.get(index).map(|column| column.len()))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |row: &Vec<String>| {
        let padded: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}", width = *width))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    let head = columns.iter().map(|column| column.to_uppercase()).collect();
    let mut lines = vec![line(&head)];
    lines.extend(cells.iter().map(line));
    lines.extend(
        page["next_cursor"]
            .as_str()
            .map(|next| format!("more: --cursor {next}")),
    );
    print(&lines.join("\n"))
}

/// The items of a page.
pub(crate) fn items(page: &Value) -> &[Value] {
    page["items"].as_array().map_or(&[], Vec::as_slice)
}

/// Prints one object as lines of names and values.
pub(crate) fn print_object(object: &Value, as_json: bool) -> std::io::Result<()> {
    let fields = match object {
        Value::Object(fields) if !as_json => fields,
        _ => return print(&object.to_string()),
    };
    let width = fields.keys().map(String::len).max().unwrap_or(0);
    let line = |(name, value): (&String, &Value)| format!("{name:<width$}  {}", text_of(value));
    print(&fields.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// A value as a cell. Control characters could move the terminal's cursor, so they are shown escaped.
fn text_of(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}
