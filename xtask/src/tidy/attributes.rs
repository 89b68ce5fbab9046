//! Tells tests from what is shipped.

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Meta};

/// `#[cfg(test)]`, `#[test]`, `#[tokio::test]`.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|attribute| is_test(attribute) || is_cfg_test(attribute))
}

fn is_test(attribute: &Attribute) -> bool {
    let last = attribute.path().segments.last();
    last.is_some_and(|segment| segment.ident == "test")
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            names(&list.tokens, "test") && !names(&list.tokens, "not")
        }
        _ => false,
    }
}

fn names(tokens: &TokenStream, name: &str) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == name,
        TokenTree::Group(group) => names(&group.stream(), name),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::is_test_only;

    fn check(item: &str) -> bool {
        let item: syn::ItemFn = syn::parse_str(item).expect("a function");
        is_test_only(&item.attrs)
    }

    #[test]
    fn tests_are_told_from_the_rest() {
        assert!(check("#[cfg(test)] fn f() {}"));
        assert!(check("#[cfg(all(test, unix))] fn f() {}"));
        assert!(check("#[tokio::test] async fn f() {}"));
        assert!(!check("#[cfg(not(test))] fn f() {}"));
        assert!(!check("#[cfg(feature = \"test\")] fn f() {}"));
        assert!(!check("fn f() {}"));
    }
}
