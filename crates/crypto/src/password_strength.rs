//! How easily a password is guessed: against a list of the most common ones, and by zxcvbn (Wheeler, USENIX Security 2016),
//! which knows words, names, dates, keyboards and repetitions. No rules of composition (ASVS V6.2.5, NIST SP 800-63B-4).

use keyward_model::Password;
use std::fmt;
use zxcvbn::{Score, zxcvbn};

/// Passwords of eight characters and more among the 20,000 most common ones of public leaks (after Django's list, which Royce
/// Williams made); in lower case, one a line.
const COMMON: &str = include_str!("password_strength/common.txt");
/// What zxcvbn looks at: of a text that is made for it, each character more costs half as much again. A hundred milliseconds
/// is the worst that was seen of so many.
const CHARACTERS_LOOKED_AT: usize = 24;

/// Why a password would be guessed, in words for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guessable {
    /// It is one of the most common ones (ASVS V6.2.4).
    Common,
    /// Few guesses find it.
    Few {
        /// What is the matter with it and what would help, in sentences.
        advice: String,
    },
}

impl fmt::Display for Guessable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Common => formatter.write_str(
                "this is one of the most common passwords; a sentence of four or five words is easy to keep in mind",
            ),
            Self::Few { advice } => write!(formatter, "this would be guessed soon; {advice}"),
        }
    }
}

/// Why the password would be guessed, if it would. `words` are those that whoever guesses tries first: the user's address and
/// name, the tenant's names (ASVS V6.2.11).
///
/// # Errors
/// The reason.
pub fn check_strength(password: &Password, words: &[&str]) -> Result<(), Guessable> {
    let Ok(text) = std::str::from_utf8(password.expose()) else {
        return Ok(());
    };
    if is_common(text) {
        return Err(Guessable::Common);
    }
    let end = text
        .char_indices()
        .nth(CHARACTERS_LOOKED_AT)
        .map_or(text.len(), |(end, _)| end);
    // As they are, and their parts.
    let parts = words
        .iter()
        .flat_map(|word| word.split(|letter: char| !letter.is_alphanumeric()));
    let words: Vec<&str> = words.iter().copied().chain(parts).collect();
    let estimate = zxcvbn(&text[..end], &words);
    match estimate.score() >= Score::Three {
        true => Ok(()),
        false => {
            let feedback = estimate.feedback();
            let warning = feedback.and_then(|feedback| feedback.warning());
            let suggestions = feedback.map_or(&[][..], |feedback| feedback.suggestions());
            let warning = warning.map(|warning| warning.to_string());
            let sentences = suggestions.iter().map(ToString::to_string);
            let advice: Vec<String> = warning.into_iter().chain(sentences).collect();
            let advice = match advice.is_empty() {
                true => "add another word or two; uncommon words are better".to_owned(),
                false => advice.join(" "),
            };
            Err(Guessable::Few { advice })
        }
    }
}

/// Whether the list has it, whatever its case.
fn is_common(text: &str) -> bool {
    let folded = zeroize::Zeroizing::new(text.to_lowercase());
    // Few lines are as long, and they are sorted.
    COMMON
        .lines()
        .any(|line| line.len() == folded.len() && *line == **folded)
}

#[cfg(test)]
mod tests {
    use super::{COMMON, Guessable, check_strength};
    use keyward_model::Password;

    fn check(text: &str, words: &[&str]) -> Result<(), Guessable> {
        check_strength(&Password::presented(text).unwrap(), words)
    }

    #[test]
    fn asvs_v6_2_4_the_most_common_passwords_are_refused() {
        assert!(COMMON.lines().count() > 3_000);
        for common in [
            "password1",
            "PASSWORD1",
            "1q2w3e4r5t6y7u8i9o0p",
            "123456789987654321",
        ] {
            assert_eq!(check(common, &[]), Err(Guessable::Common), "{common}");
        }
        for line in COMMON.lines().step_by(97) {
            assert_eq!(check(line, &[]), Err(Guessable::Common), "{line}");
        }
    }

    #[test]
    fn asvs_v6_2_11_what_an_attacker_tries_first_is_refused() {
        let words = [
            "ada.lovelace@example.org",
            "Ada Lovelace",
            "analytical-engines",
        ];
        for guessable in [
            "ada.lovelace@example.org",
            "analytical-engines",
            "aaaaaaaaaaaaaaaaaaaa",
            "qwertyuiopasdfghjkl",
            "passwordpassword",
        ] {
            let refused = check(guessable, &words).expect_err(guessable);
            assert!(refused.to_string().len() > 30, "{refused}");
        }
        assert!(check("analytical-engines", &[]).is_ok());
    }

    #[test]
    fn what_is_made_to_be_slow_is_cut_short() {
        // Every character stands for several others, of which zxcvbn tries all; and what overflows in it when it is longer.
        for slow in [
            "@4({[<36&#9!1|0$5+7%2".repeat(48),
            "12".repeat(50),
            "qw".repeat(500),
        ] {
            let _ = check(&slow, &[]);
        }
    }

    #[test]
    fn asvs_v6_2_5_any_composition_is_good_that_is_hard_to_guess() {
        for good in [
            "correct horse battery staple",
            "только четыре случайных слова",
            "xkqvjzmwpbtgrfd",
            "72819365018273645",
            "水と火と土と風と空と星と月と雲",
        ] {
            assert_eq!(check(good, &["ada@example.org"]), Ok(()), "{good}");
        }
        // However long it is.
        assert_eq!(
            check(&"many words one after the other ".repeat(30), &[]),
            Ok(())
        );
    }
}
