//! What a tenant may set for itself. A setting is a field here, its default, and its line in [`SETTINGS`]: its range, and what
//! the documents say of it.

use crate::SigningAlgorithm;
use serde::de::{DeserializeSeed, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::fmt;

/// A tenant's settings. Durations are whole seconds, or days where the name says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the line of each setting in SETTINGS says what it is, once"
)]
pub struct TenantSettings {
    pub access_token_ttl_seconds: i64,
    pub session_ttl_seconds: i64,
    pub session_idle_seconds: i64,
    pub sessions_per_user_max: i64,
    pub session_limit: SessionLimit,
    pub reauthentication_max_age_seconds: i64,
    pub user_deletion_grace_days: i64,
    pub signing_algorithm: SigningAlgorithm,
    pub signing_key_rotation_days: i64,
    pub signing_key_propagation_seconds: i64,
    pub key_set_max_age_seconds: i64,
    pub account_attempts_max: i64,
    pub account_network_attempts_max: i64,
    pub account_failures_max: i64,
    pub known_device_days: i64,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            access_token_ttl_seconds: 300,
            session_ttl_seconds: 8 * 3_600,
            session_idle_seconds: 30 * 60,
            sessions_per_user_max: 10,
            session_limit: SessionLimit::default(),
            reauthentication_max_age_seconds: 0,
            user_deletion_grace_days: 30,
            signing_algorithm: SigningAlgorithm::default(),
            signing_key_rotation_days: 90,
            signing_key_propagation_seconds: 600,
            key_set_max_age_seconds: 300,
            account_attempts_max: 5,
            account_network_attempts_max: 5,
            account_failures_max: 100,
            known_device_days: 90,
        }
    }
}

/// Every setting, in the order of the fields.
pub const SETTINGS: &[Setting] = &[
    number(
        "access_token_ttl_seconds",
        "How long an access token is valid: not longer than a session.",
        Range::of(|own| own.access_token_ttl_seconds, 30, 3_600)
            .within(|own| (i64::MIN, own.session_ttl_seconds)),
    ),
    number(
        "session_ttl_seconds",
        "How long a session lives whatever happens (ASVS V7.3.2).",
        Range::of(|own| own.session_ttl_seconds, 300, 30 * 86_400),
    ),
    number(
        "session_idle_seconds",
        "How long a session lives without a request (ASVS V7.3.1): not longer than it lives at all.",
        Range::of(|own| own.session_idle_seconds, 60, 30 * 86_400)
            .within(|own| (i64::MIN, own.session_ttl_seconds)),
    ),
    number(
        "sessions_per_user_max",
        "How many sessions a user has at once (ASVS V7.1.2).",
        Range::of(|own| own.sessions_per_user_max, 1, 1_000),
    ),
    choice(
        "session_limit",
        "What a sign-in does that is one too many: `evict_oldest` ends the sessions of the devices with the lowest priority, of those \
         the oldest; `refuse` answers 403 `too_many_sessions`.",
        &["evict_oldest", "refuse"],
    ),
    number(
        "reauthentication_max_age_seconds",
        "How long ago an administrator may have proven who they are when they change accounts, clients or settings (ASVS V7.5.3); \
         after that it is 403 `reauthentication_required` until they do at `/v1/auth/reauthenticate`. Not asked, if 0.",
        Range::of(|own| own.reauthentication_max_age_seconds, 0, 30 * 86_400),
    ),
    number(
        "user_deletion_grace_days",
        "How many days a user who was deleted can be restored.",
        Range::of(|own| own.user_deletion_grace_days, 0, 365),
    ),
    choice(
        "signing_algorithm",
        "What the next signing key signs with (RFC 7518 §3.1, RFC 8037 §3.1).",
        &["EdDSA", "ES256"],
    ),
    number(
        "signing_key_rotation_days",
        "After how many days a signing key is followed by another; never, if 0.",
        Range::of(|own| own.signing_key_rotation_days, 0, 3_650),
    ),
    number(
        "signing_key_propagation_seconds",
        "How long a new signing key is published before it signs: not less than `key_set_max_age_seconds`.",
        // Otherwise a key could sign while verifiers still keep a set without it.
        Range::of(|own| own.signing_key_propagation_seconds, 1, 604_800)
            .within(|own| (own.key_set_max_age_seconds, i64::MAX)),
    ),
    number(
        "key_set_max_age_seconds",
        "How long verifiers may keep the key set.",
        Range::of(|own| own.key_set_max_age_seconds, 1, 86_400),
    ),
    number(
        "account_attempts_max",
        "How many attempts at an account's password there may be in a window, from wherever; on a known device as many again.",
        Range::of(|own| own.account_attempts_max, 1, 100),
    ),
    number(
        "account_network_attempts_max",
        "How many of them from one network.",
        Range::of(|own| own.account_network_attempts_max, 1, 100),
    ),
    number(
        "account_failures_max",
        "After how many failures in a row an account's password is closed to unknown devices (NIST SP 800-63B-4 §3.2.2 asks for \
         100 at most).",
        Range::of(|own| own.account_failures_max, 10, 100),
    ),
    number(
        "known_device_days",
        "For how many days a device is known that is not signed in on; none ever is, if 0.",
        Range::of(|own| own.known_device_days, 0, 365),
    ),
];

/// What becomes of a sign-in when its user has as many sessions as there may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionLimit {
    /// It ends others.
    #[default]
    EvictOldest,
    /// It is refused.
    Refuse,
}

/// Settings that go together, by the assurance levels of NIST SP 800-63B-4 §2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionPreset {
    /// 30 days, and 7 without a request; nothing is asked for twice.
    Aal1,
    /// 24 hours, and one without a request; sensitive changes ask for a proof of the last hour.
    Aal2,
    /// 12 hours, and 15 minutes without a request; sensitive changes ask for a proof of the last 15 minutes.
    Aal3,
}

/// The name under which a change gives a [`SessionPreset`]. It is no setting: it stands for those that it sets.
pub const SESSION_PRESET: &str = "session_preset";

impl SessionPreset {
    /// Every preset.
    pub const ALL: [Self; 3] = [Self::Aal1, Self::Aal2, Self::Aal3];

    /// The name as it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Aal3 => "aal3",
        }
    }

    fn set(self, settings: &mut TenantSettings) {
        let (ttl, idle, proof) = match self {
            Self::Aal1 => (30 * 86_400, 7 * 86_400, 0),
            Self::Aal2 => (24 * 3_600, 3_600, 3_600),
            Self::Aal3 => (12 * 3_600, 15 * 60, 15 * 60),
        };
        settings.session_ttl_seconds = ttl;
        settings.session_idle_seconds = idle;
        settings.reauthentication_max_age_seconds = proof;
    }
}

/// What is known of a setting beside its value.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// As it is named in JSON.
    pub name: &'static str,
    /// What it says, for the documents.
    pub about: &'static str,
    /// What it can be.
    pub kind: SettingKind,
}

/// What a setting can be.
#[derive(Debug, Clone, Copy)]
pub enum SettingKind {
    /// A whole number.
    Number(Range),
    /// One of these names.
    Choice(&'static [&'static str]),
}

/// Between which values a number is.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The least that it can ever be.
    pub least: i64,
    /// The most that it can ever be.
    pub most: i64,
    value: fn(&TenantSettings) -> i64,
    within: fn(&TenantSettings) -> (i64, i64),
}

const fn number(name: &'static str, about: &'static str, range: Range) -> Setting {
    let kind = SettingKind::Number(range);
    Setting { name, about, kind }
}

const fn choice(
    name: &'static str,
    about: &'static str,
    choices: &'static [&'static str],
) -> Setting {
    let kind = SettingKind::Choice(choices);
    Setting { name, about, kind }
}

impl Range {
    const fn of(value: fn(&TenantSettings) -> i64, least: i64, most: i64) -> Self {
        Self {
            least,
            most,
            value,
            within: |_| (i64::MIN, i64::MAX),
        }
    }

    /// What the other settings leave of it.
    const fn within(self, within: fn(&TenantSettings) -> (i64, i64)) -> Self {
        Self { within, ..self }
    }
}

/// A setting is outside of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {least} to {most}")]
pub struct SettingProblem {
    /// Its name.
    pub setting: &'static str,
    /// The least that it can be.
    pub least: i64,
    /// The most that it can be.
    pub most: i64,
}

impl Setting {
    fn problem(&self, settings: &TenantSettings) -> Option<SettingProblem> {
        let SettingKind::Number(range) = self.kind else {
            return None;
        };
        let (value, (low, high)) = ((range.value)(settings), (range.within)(settings));
        let (least, most) = (range.least.max(low), range.most.min(high));
        (value < least || value > most).then_some(SettingProblem {
            setting: self.name,
            least,
            most,
        })
    }
}

/// What is to become of a tenant's settings: a JSON merge patch (RFC 7396) of which each field is checked for its type when it
/// is read. What is not named stays, and so does what is null: there is no setting without a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsChange(Map<String, Value>);

impl SettingsChange {
    /// The change of one setting more.
    ///
    /// # Errors
    /// When there is no such setting, or it is of another type.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Result<Self, serde_json::Error> {
        self.insert(name, value.into())?;
        Ok(self)
    }

    fn insert(&mut self, name: &str, value: Value) -> Result<(), serde_json::Error> {
        if value.is_null() {
            return Ok(());
        }
        match name {
            SESSION_PRESET => SessionPreset::deserialize(&value).map(drop)?,
            _ => {
                TenantSettings::deserialize(Value::from_iter([(name, value.clone())])).map(drop)?
            }
        }
        self.0.insert(name.to_owned(), value);
        Ok(())
    }
}

impl TenantSettings {
    /// The settings as a change makes them. A preset comes first, and what is named beside it counts.
    ///
    /// # Errors
    /// Every setting that would be outside of its range. A session outlives its access tokens and its idleness, and a new
    /// signing key is published for longer than verifiers keep a key set without it.
    pub fn changed(&self, change: &SettingsChange) -> Result<Self, Vec<SettingProblem>> {
        let mut changed = self.clone();
        let mut named = change.0.clone();
        if let Some(preset) = named.remove(SESSION_PRESET)
            && let Ok(preset) = SessionPreset::deserialize(preset)
        {
            preset.set(&mut changed);
        }
        // Each field was read as its type alone, so together they are read as well; were they not, nothing would be changed.
        let changed = match serde_json::to_value(&changed) {
            Ok(Value::Object(mut fields)) => {
                fields.extend(named);
                Self::deserialize(Value::Object(fields)).unwrap_or_else(|_| self.clone())
            }
            _ => self.clone(),
        };
        let problems: Vec<_> = SETTINGS
            .iter()
            .filter_map(|setting| setting.problem(&changed))
            .collect();
        match problems.is_empty() {
            true => Ok(changed),
            false => Err(problems),
        }
    }

    /// The preset that these settings are those of, if there is one.
    pub fn preset(&self) -> Option<SessionPreset> {
        SessionPreset::ALL.into_iter().find(|preset| {
            let mut as_set = self.clone();
            preset.set(&mut as_set);
            as_set == *self
        })
    }

    /// As they are shown: with the name of the preset.
    pub fn shown(&self) -> Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        if let Some(fields) = shown.as_object_mut() {
            let preset = self.preset().map(SessionPreset::name);
            fields.insert(SESSION_PRESET.to_owned(), preset.into());
        }
        shown
    }
}

impl<'de> Deserialize<'de> for SettingsChange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ChangeVisitor)
    }
}

struct ChangeVisitor;

impl<'de> Visitor<'de> for ChangeVisitor {
    type Value = SettingsChange;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SettingsChange, A::Error> {
        let mut change = SettingsChange::default();
        let mut seen = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(A::Error::custom(format!("duplicate field `{name}`")));
            }
            map.next_value_seed(ValueOf(&name, &mut change))?;
            seen.push(name);
        }
        Ok(change)
    }
}

/// Reads the value of a setting; what is wrong with it is said where it stands.
struct ValueOf<'a>(&'a str, &'a mut SettingsChange);

impl<'de> DeserializeSeed<'de> for ValueOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(name, change) = self;
        let value = Value::deserialize(deserializer)?;
        let known = name == SESSION_PRESET || SETTINGS.iter().any(|known| known.name == name);
        if !known {
            return Err(D::Error::custom(format!("unknown field `{name}`")));
        }
        change.insert(name, value).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
