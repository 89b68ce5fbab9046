//! Statements: one text for both engines, known by name, so that tests can prepare and count every one of them.

use keyward_model::Histogram;
use std::borrow::Cow;
use std::sync::OnceLock;

/// One SQL text. Made only by [`statements!`], which also lists it.
#[derive(Debug)]
pub(crate) struct Statement {
    name: &'static str,
    text: &'static str,
    /// Its text on SQLite, where that is another one.
    other_on_sqlite: Option<&'static str>,
    changes: bool,
    sqlite_text: OnceLock<String>,
    /// How long the engine took for it, each time.
    seconds: Histogram,
    /// On SQLite, and on PostgreSQL.
    #[cfg(feature = "testing")]
    executed: [std::sync::atomic::AtomicBool; 2],
}

impl Statement {
    pub(crate) const fn new(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            text,
            other_on_sqlite: None,
            changes: !starts_with(text, "SELECT"),
            sqlite_text: OnceLock::new(),
            seconds: Histogram::of_durations(),
            #[cfg(feature = "testing")]
            executed: [const { std::sync::atomic::AtomicBool::new(false) }; 2],
        }
    }

    /// One with a text for each engine, see [`statements_by_engine!`].
    pub(crate) const fn by_engine(
        name: &'static str,
        sqlite: &'static str,
        postgres: &'static str,
    ) -> Self {
        let mut statement = Self::new(name, postgres);
        statement.other_on_sqlite = Some(sqlite);
        statement
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn seconds(&self) -> &Histogram {
        &self.seconds
    }

    /// Whether it is anything but a SELECT.
    pub(crate) fn changes(&self) -> bool {
        self.changes
    }

    pub(crate) fn for_postgres(&self, without_tenant_filter: bool) -> Cow<'static, str> {
        match without_tenant_filter {
            false => Cow::Borrowed(self.text),
            true => Cow::Owned(take_tenant_filter_out(self.text)),
        }
    }

    /// To SQLite `$N` is a name, numbered by first use; `?N` is what the text means.
    pub(crate) fn for_sqlite(&self) -> &str {
        let text = self.other_on_sqlite.unwrap_or(self.text);
        self.sqlite_text.get_or_init(|| text.replace('$', "?"))
    }

    #[cfg(feature = "testing")]
    pub(crate) fn note_executed(&self, on_postgres: bool) {
        self.executed[usize::from(on_postgres)].store(true, std::sync::atomic::Ordering::Relaxed);
    }

    #[cfg(feature = "testing")]
    pub(crate) fn was_executed(&self, on_postgres: bool) -> bool {
        self.executed[usize::from(on_postgres)].load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Makes `tenant_id = $1` true for every row, also where it stands behind its table's alias.
fn take_tenant_filter_out(text: &str) -> String {
    let mut parts = text.split("tenant_id = $1");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut open, part| {
        if open.ends_with('.') {
            let alias = open.rfind(char::is_whitespace).map_or(0, |space| space + 1);
            open.truncate(alias);
        }
        open + "$1::uuid IS NOT NULL" + part
    })
}

const fn starts_with(text: &str, word: &str) -> bool {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    let mut at = 0;
    while at < word.len() {
        if at >= text.len() || text[at] != word[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Declares the statements of an entity, and `STATEMENTS`, the list of them.
macro_rules! statements {
    ($($name:ident = $text:expr;)+) => {
        $(static $name: crate::statement::Statement = crate::statement::Statement::new(stringify!($name), $text);)+
        /// Every statement of this file.
        pub(crate) static STATEMENTS: &[&crate::statement::Statement] = &[$(&$name),+];
    };
}
pub(crate) use statements;

/// Declares the exceptions: statements with a text for each engine, because what they need has no common form.
macro_rules! statements_by_engine {
    ($($name:ident { sqlite: $sqlite:expr, postgres: $postgres:expr $(,)? })+) => {
        $(static $name: crate::statement::Statement =
            crate::statement::Statement::by_engine(stringify!($name), $sqlite, $postgres);)+
        /// Every statement of this file that has two texts.
        pub(crate) static STATEMENTS_BY_ENGINE: &[&crate::statement::Statement] = &[$(&$name),+];
    };
}
pub(crate) use statements_by_engine;

#[cfg(test)]
mod tests {
    use super::Statement;

    #[test]
    fn only_a_select_does_not_change_rows() {
        assert!(!Statement::new("A", "SELECT 1").changes());
        assert!(Statement::new("B", "UPDATE x SET y = $2 WHERE tenant_id = $1").changes());
    }

    #[test]
    fn the_tenant_filter_goes_with_its_alias() {
        let text = "SELECT s.a FROM s JOIN u ON u.tenant_id = s.tenant_id WHERE s.tenant_id = $1 AND s.id = $2";
        assert_eq!(
            Statement::new("A", text).for_postgres(true),
            "SELECT s.a FROM s JOIN u ON u.tenant_id = s.tenant_id WHERE $1::uuid IS NOT NULL AND s.id = $2"
        );
        let text = "SELECT a FROM b WHERE tenant_id = $1";
        assert_eq!(
            Statement::new("B", text).for_postgres(true),
            "SELECT a FROM b WHERE $1::uuid IS NOT NULL"
        );
    }

    #[test]
    fn parameters_are_numbered_for_sqlite() {
        let statement = Statement::new("A", "SELECT a FROM b WHERE tenant_id = $1 AND c = $12");
        assert_eq!(
            statement.for_sqlite(),
            "SELECT a FROM b WHERE tenant_id = ?1 AND c = ?12"
        );
    }
}
