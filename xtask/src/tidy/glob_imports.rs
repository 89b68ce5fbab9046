//! No `use …::*`: a reader finds every name's origin in the file that uses it.

use syn::UseGlob;
use syn::spanned::Spanned;
use syn::visit::Visit;

use super::finding::Finding;
use super::sources::SourceFile;

pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    files.iter().flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let mut globs = Globs { lines: Vec::new() };
    globs.visit_file(&file.syntax);
    let describe =
        |line: usize| Finding::error(file.place(line), "imports with `*`; name what is used");
    globs.lines.into_iter().map(describe).collect()
}

struct Globs {
    lines: Vec<usize>,
}

impl<'ast> Visit<'ast> for Globs {
    fn visit_use_glob(&mut self, glob: &'ast UseGlob) {
        self.lines.push(glob.span().start().line);
    }
}

#[cfg(test)]
mod tests {
    use super::{SourceFile, check_file};

    #[test]
    fn globs_are_found_wherever_they_hide() {
        let text =
            "use a::{b, c::*};\nmod tests {\n    use super::*;\n}\nfn f() {\n    use d::e;\n}\n";
        let file = SourceFile::parse("lib.rs", text.into()).expect("Rust");
        let places: Vec<String> = check_file(&file)
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["lib.rs:1", "lib.rs:3"]);
    }
}
