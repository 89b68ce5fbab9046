//! What commands print: aligned columns for people, JSON for programs.

use serde_json::{Value, json};

/// Prints a list of objects with the same keys, and where the next page begins.
pub(crate) fn print_page(items: &[Value], columns: &[&str], next: Option<String>, as_json: bool) {
    if as_json {
        println!("{}", json!({ "items": items, "next_cursor": next }));
        return;
    }
    let cells: Vec<Vec<String>> = items
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
    let line = |row: Vec<String>| {
        let padded: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}", width = *width))
            .collect();
        println!("{}", padded.join("  ").trim_end());
    };
    line(columns.iter().map(|column| column.to_uppercase()).collect());
    cells.into_iter().for_each(line);
    if let Some(next) = next {
        println!("more: --cursor {next}");
    }
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
