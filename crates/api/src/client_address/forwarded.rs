//! The `Forwarded` field (RFC 7239 §4), as far as it says for whom.

use super::address_of;
use std::net::IpAddr;

/// The `for` of each element, the nearest first; none where it is missing, given twice, or no address.
pub(super) fn nearest_first(text: &str) -> Vec<Option<IpAddr>> {
    let Some(elements) = split_outside_quotes(text, ',') else {
        // A quote that does not end: where elements begin is anybody's guess.
        return vec![None];
    };
    elements.into_iter().rev().map(for_of).collect()
}

fn for_of(element: &str) -> Option<IpAddr> {
    let mut found = None;
    for pair in split_outside_quotes(element, ';')? {
        let (name, value) = pair.trim().split_once('=')?;
        if name.eq_ignore_ascii_case("for") {
            let node = match value.strip_prefix('"') {
                Some(quoted) => quoted.strip_suffix('"')?,
                None => value,
            };
            // Two of them are none.
            if found.replace(address_of(node)?).is_some() {
                return None;
            }
        }
    }
    found
}

/// The parts between separators, of which those in quoted strings are none; nothing when a quoted string has no end.
fn split_outside_quotes(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                parts.push(text.get(begin..index)?);
                begin = index + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(begin..)?);
    (!quoted).then_some(parts)
}
