//! SQL is in `store` only, and there in the portable dialect.

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, ItemFn, ItemMod, Lit, LitStr, Macro};

use super::attributes::is_test_only;
use super::finding::Finding;
use super::sources::SourceFile;
use super::sql_text::{begins_as_statement, forbidden_phrases, is_statement};

const STORE: &str = "crates/store/";
const FREE: [&str; 2] = ["crates/testkit/", "xtask/"];

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    files
        .iter()
        .filter(|file| !is_free(file))
        .flat_map(check_file)
        .collect()
}

fn is_free(file: &SourceFile) -> bool {
    file.is_test || FREE.iter().any(|folder| file.path.starts_with(folder))
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let mut literals = Literals { found: Vec::new() };
    literals.visit_file(&file.syntax);
    let is_store = file.path.starts_with(STORE);
    literals
        .found
        .iter()
        .flat_map(|literal| {
            let place = file.place(literal.span().start().line);
            let sentences = if is_store {
                breaches(&literal.value())
            } else {
                strays(&literal.value())
            };
            sentences
                .into_iter()
                .map(move |sentence| Finding::error(&place, sentence))
        })
        .collect()
}

fn breaches(text: &str) -> Vec<String> {
    if begins_as_statement(text) {
        forbidden_phrases(text)
    } else {
        Vec::new()
    }
}

fn strays(text: &str) -> Vec<String> {
    is_statement(text)
        .then(|| "SQL belongs in crates/store".to_owned())
        .into_iter()
        .collect()
}

/// All string literals but those of tests and attributes (documentation is one).
struct Literals {
    found: Vec<LitStr>,
}

impl Literals {
    /// The parser does not look into macros, where statements often are.
    fn search(&mut self, tokens: TokenStream) {
        let mut after_hash = false;
        for token in tokens {
            let is_hash = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
            match token {
                // `#[doc = "…"]`
                TokenTree::Group(_) if after_hash => {}
                TokenTree::Group(group) => self.search(group.stream()),
                TokenTree::Literal(literal) => {
                    if let Lit::Str(text) = Lit::new(literal) {
                        self.found.push(text);
                    }
                }
                _ => {}
            }
            after_hash = is_hash;
        }
    }
}

impl<'ast> Visit<'ast> for Literals {
    fn visit_lit_str(&mut self, literal: &'ast LitStr) {
        self.found.push(literal.clone());
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.search(invocation.tokens.clone());
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_test_only(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        if !is_test_only(&function.attrs) {
            visit::visit_item_fn(self, function);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_test_only(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SourceFile, check};

    fn places(path: &str, text: &str) -> Vec<String> {
        let file = SourceFile::parse(path, text.into()).expect("Rust");
        check(&[file])
            .into_iter()
            .map(|finding| finding.place)
            .collect()
    }

    const CODE: &str = "
/// SELECT * is what this does not do.
const A: &str = \"SELECT * FROM a\";
fn f() { sql!(one, { \"INSERT OR IGNORE INTO a (b) VALUES ($1)\" }); }
const B: &str = \"SELECT b FROM a WHERE c = $1\";
#[cfg(test)]
mod tests { const C: &str = \"SELECT * FROM a\"; }
";

    #[test]
    fn the_dialect_holds_in_store() {
        assert_eq!(
            places("crates/store/src/a.rs", CODE),
            ["crates/store/src/a.rs:3", "crates/store/src/a.rs:4"]
        );
    }

    #[test]
    fn there_is_no_statement_elsewhere() {
        assert_eq!(places("crates/api/src/a.rs", CODE).len(), 3);
        assert!(places("crates/api/tests/it/main.rs", CODE).is_empty());
        assert!(places("crates/testkit/src/a.rs", CODE).is_empty());
    }
}
