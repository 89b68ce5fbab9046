//! How long files and functions are, and how many parameters functions take.

use proc_macro2::LineColumn;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, Expr, FnArg, ImplItemFn, Item, ItemFn, ItemImpl, ItemMod, Signature, Stmt,
    TraitItemFn,
};

use super::attributes::is_test_only;
use super::finding::Finding;
use super::sources::SourceFile;

const FILE_LINES_WARNED: usize = 400;
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const PARAMETERS_MAX: usize = 5;
/// The longest value in a table.
const TABLE_CELL_LINES_MAX: usize = 5;

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    files.iter().flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let mut functions = Functions {
        file,
        in_test: file.is_test,
        findings: Vec::new(),
    };
    functions.findings.extend(check_length(file));
    functions.visit_file(&file.syntax);
    functions.findings
}

fn check_length(file: &SourceFile) -> Option<Finding> {
    let lines = count_lines(file);
    if lines > FILE_LINES_MAX {
        let message = format!("{lines} lines without its tests; at most {FILE_LINES_MAX}");
        return Some(Finding::error(&file.path, message));
    }
    let message =
        || format!("{lines} lines without its tests; aim at 200, split above {FILE_LINES_WARNED}");
    (lines > FILE_LINES_WARNED).then(|| Finding::warning(&file.path, message()))
}

/// The lines of a file less those of its test modules.
fn count_lines(file: &SourceFile) -> usize {
    let test_lines: usize = file
        .syntax
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Mod(module) if is_test_only(&module.attrs) => Some(module),
            _ => None,
        })
        .map(|module| lines_between(module.span().start(), module.span().end()))
        .sum();
    file.text.lines().count().saturating_sub(test_lines)
}

fn lines_between(start: LineColumn, end: LineColumn) -> usize {
    end.line + 1 - start.line
}

struct Functions<'a> {
    file: &'a SourceFile,
    in_test: bool,
    findings: Vec<Finding>,
}

impl Functions<'_> {
    /// Visits what an item holds, knowing whether the item is a test.
    fn within(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let outside = self.in_test;
        self.in_test |= is_test_only(attributes);
        visit(self);
        self.in_test = outside;
    }

    fn check(&mut self, signature: &Signature, body: Option<&Block>) {
        let start = signature.fn_token.span.start();
        let place = self.file.place(start.line);
        let name = &signature.ident;
        let is_value = |parameter: &&FnArg| matches!(parameter, FnArg::Typed(_));
        let parameters = signature.inputs.iter().filter(is_value).count();
        if parameters > PARAMETERS_MAX && !self.in_test {
            let message = format!(
                "`{name}` takes {parameters} parameters; beyond {PARAMETERS_MAX} comes a struct"
            );
            self.findings.push(Finding::error(&place, message));
        }
        let Some(body) = body else { return };
        let lines = lines_between(start, body.brace_token.span.close().end());
        if lines > FUNCTION_LINES_MAX && !is_table(body) {
            let message =
                format!("`{name}` has {lines} lines; aim at 15, at most {FUNCTION_LINES_MAX}");
            let finding = if self.in_test {
                Finding::warning
            } else {
                Finding::error
            };
            self.findings.push(finding(place, message));
        }
    }
}

/// Whether a function is nothing but a table: one `match`, each arm a single short expression. The compiler keeps it complete,
/// and a reader looks up one line of it; to cut it in two would cost both.
fn is_table(body: &Block) -> bool {
    let [Stmt::Expr(Expr::Match(table), None)] = &body.stmts[..] else {
        return false;
    };
    table.arms.iter().all(|arm| {
        let value = match &*arm.body {
            Expr::Block(block) => match &block.block.stmts[..] {
                [Stmt::Expr(value, None)] => value,
                _ => return false,
            },
            value => value,
        };
        let span = value.span();
        lines_between(span.start(), span.end()) <= TABLE_CELL_LINES_MAX
    })
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.within(&module.attrs, |this| visit::visit_item_mod(this, module));
    }

    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        self.within(&block.attrs, |this| visit::visit_item_impl(this, block));
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.within(&function.attrs, |this| {
            this.check(&function.sig, Some(&function.block));
            visit::visit_item_fn(this, function);
        });
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.within(&function.attrs, |this| {
            this.check(&function.sig, Some(&function.block));
            visit::visit_impl_item_fn(this, function);
        });
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        self.within(&function.attrs, |this| {
            this.check(&function.sig, function.default.as_ref());
            visit::visit_trait_item_fn(this, function);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{SourceFile, check_file, count_lines};

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile::parse(path, text.into()).expect("Rust")
    }

    fn findings(text: &str) -> Vec<String> {
        let file = file("crates/a/src/lib.rs", text);
        check_file(&file).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn test_modules_do_not_count() {
        let text = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n";
        assert_eq!(count_lines(&file("crates/a/src/lib.rs", text)), 2);
    }

    #[test]
    fn long_files_are_warned_of_and_longer_ones_fail() {
        assert!(findings(&"\n".repeat(400)).is_empty());
        assert!(findings(&"\n".repeat(401))[0].contains("warning: 401 lines"));
        assert!(findings(&"\n".repeat(601))[0].starts_with("crates/a/src/lib.rs: 601 lines"));
    }

    #[test]
    fn functions_are_measured_from_signature_to_brace() {
        let function =
            |lines: usize| format!("/// Words.\nfn long() {{{}}}", "\n".repeat(lines - 1));
        assert!(findings(&function(70)).is_empty());
        assert_eq!(
            findings(&function(71)),
            ["crates/a/src/lib.rs:2: `long` has 71 lines; aim at 15, at most 70"]
        );
        let in_test = format!("#[cfg(test)] mod tests {{ {} }}", function(71));
        assert!(findings(&in_test)[0].contains("warning: `long`"));
    }

    #[test]
    fn a_table_may_be_as_long_as_what_it_lists() {
        let table = |cell: &str| {
            let arms = format!("    A => {cell},\n").repeat(80);
            format!("fn table(a: A) -> u8 {{\n    match a {{\n{arms}    }}\n}}")
        };
        assert!(findings(&table("1")).is_empty());
        assert!(findings(&table("{\n        one(a)\n    }")).is_empty());
        for cell in [
            "{\n        one();\n        two()\n    }",
            "one(\n1,\n2,\n3,\n4\n)",
        ] {
            let found = findings(&table(cell));
            assert!(found.iter().any(|one| one.contains("`table`")), "{cell}");
        }
        let before = table("1").replace("    match", "    let a = b(a);\n    match");
        assert_eq!(findings(&before).len(), 1);
    }

    #[test]
    fn the_receiver_is_no_parameter() {
        let method = |parameters: &str| format!("impl A {{ fn m(&self, {parameters}) {{}} }}");
        assert!(findings(&method("a: A, b: A, c: A, d: A, e: A")).is_empty());
        let six = "a: A, b: A, c: A, d: A, e: A, f: A";
        assert!(findings(&method(six))[0].contains("`m` takes 6 parameters"));
        assert_eq!(findings(&format!("trait T {{ fn m({six}); }}")).len(), 1);
        assert_eq!(
            findings(&format!("fn outer() {{ fn inner({six}) {{}} }}")).len(),
            1
        );
        assert!(findings(&format!("#[cfg(test)] mod tests {{ fn m({six}) {{}} }}")).is_empty());
    }
}
