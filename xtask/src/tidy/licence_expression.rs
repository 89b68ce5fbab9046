//! Evaluates SPDX licence expressions, with cargo's old `/` for OR.
//!
//! `WITH` binds tightest, then `AND`, then `OR`.

/// Whether the expression can be satisfied with allowed licences only. `X WITH Y` is asked for as one name. The error
/// says what is wrong with the expression.
pub(crate) fn is_satisfiable(
    expression: &str,
    is_allowed: &dyn Fn(&str) -> bool,
) -> Result<bool, String> {
    let words = split_words(expression);
    let mut evaluator = Evaluator {
        words: &words,
        is_allowed,
    };
    let satisfiable = evaluator.any()?;
    match evaluator.words {
        [] => Ok(satisfiable),
        [word, ..] => Err(format!("`{word}` is not expected")),
    }
}

fn split_words(expression: &str) -> Vec<String> {
    let mut spaced = String::new();
    for character in expression.chars() {
        match character {
            '(' | ')' => spaced.extend([' ', character, ' ']),
            '/' => spaced.push_str(" OR "),
            other => spaced.push(other),
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// Eats its words from the front.
struct Evaluator<'a> {
    words: &'a [String],
    is_allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Evaluator<'a> {
    fn any(&mut self) -> Result<bool, String> {
        let mut result = self.all()?;
        while self.eat("OR") {
            result |= self.all()?;
        }
        Ok(result)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut result = self.one()?;
        while self.eat("AND") {
            result &= self.one()?;
        }
        Ok(result)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.eat("(") {
            let result = self.any()?;
            return if self.eat(")") {
                Ok(result)
            } else {
                Err("a `)` is missing".into())
            };
        }
        let licence = self.name()?;
        if self.eat("WITH") {
            let exception = self.name()?;
            return Ok((self.is_allowed)(&format!("{licence} WITH {exception}")));
        }
        Ok((self.is_allowed)(licence))
    }

    fn name(&mut self) -> Result<&'a str, String> {
        match self.words.split_first() {
            Some((word, rest)) if !matches!(word.as_str(), "OR" | "AND" | "WITH" | "(" | ")") => {
                self.words = rest;
                Ok(word)
            }
            _ => Err("the name of a licence is missing".into()),
        }
    }

    fn eat(&mut self, expected: &str) -> bool {
        match self.words.split_first() {
            Some((word, rest)) if word == expected => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_satisfiable;

    fn holds(expression: &str) -> bool {
        let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"];
        is_satisfiable(expression, &|licence| allowed.contains(&licence)).expect("an expression")
    }

    #[test]
    fn one_choice_is_enough_and_every_part_is_needed() {
        assert!(holds("MIT"));
        assert!(holds("GPL-3.0 OR MIT"));
        assert!(!holds("GPL-3.0 AND MIT"));
        assert!(!holds("GPL-3.0"));
        assert!(holds("GPL-3.0/MIT"));
        assert!(holds("GPL-3.0 / Apache-2.0"));
    }

    #[test]
    fn and_binds_tighter_than_or_unless_parentheses_say_otherwise() {
        assert!(holds("MIT OR GPL-3.0 AND LGPL-2.1"));
        assert!(!holds("(MIT OR GPL-3.0) AND LGPL-2.1"));
        assert!(holds("ISC AND (GPL-3.0 OR (MIT AND Apache-2.0))"));
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        assert!(holds("Apache-2.0 WITH LLVM-exception"));
        assert!(!holds("MIT WITH Strange-exception"));
        assert!(holds("GPL-2.0 WITH Classpath-exception OR MIT"));
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for wrong in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "AND MIT", "MIT)"] {
            assert!(is_satisfiable(wrong, &|_| true).is_err(), "{wrong}");
        }
    }
}
