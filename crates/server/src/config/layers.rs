//! How the default file, a file and the environment are laid over one another.

use super::ConfigError;
use toml::{Table, Value};

/// What settings in the environment begin with.
const PREFIX: &str = "KEYWARD_";

/// What Kubernetes puts into the environment of every container beside a service that is named `keyward`.
const OF_KUBERNETES: [&str; 2] = ["KEYWARD_PORT", "KEYWARD_SERVICE_"];

/// The variables of this process that are for Keyward. Others need not be text.
pub(super) fn environment() -> Result<Vec<(String, String)>, ConfigError> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .filter(|(name, _)| {
            !OF_KUBERNETES
                .iter()
                .any(|foreign| name.starts_with(foreign))
        })
        .map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(ConfigError(format!("{name} is not UTF-8"))),
        })
        .collect()
}

pub(super) fn parse(text: &str, origin: &str) -> Result<Table, ConfigError> {
    // The error's own text would repeat the line, which may hold a secret.
    text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| 1 + before.matches('\n').count());
        ConfigError(format!("{origin}, line {line}: {}", error.message()))
    })
}

/// Puts the values of `upper` over those of `lower`, which has every key there is.
pub(super) fn overlay(lower: &mut Table, upper: Table, path: &str) -> Result<(), ConfigError> {
    for (key, value) in upper {
        let name = format!("{path}{key}");
        match (lower.get_mut(&key), value) {
            (None, _) => {
                return Err(ConfigError(format!(
                    "{name} is no setting; see `keyward config default`"
                )));
            }
            (Some(Value::Table(lower)), Value::Table(upper)) => {
                overlay(lower, upper, &format!("{name}."))?
            }
            (Some(known), value) if known.same_type(&value) => *known = value,
            (Some(known), _) => {
                return Err(ConfigError(format!(
                    "{name} must be a {}",
                    known.type_str()
                )));
            }
        }
    }
    Ok(())
}

pub(super) fn set_from_environment(
    table: &mut Table,
    name: &str,
    text: &str,
) -> Result<(), ConfigError> {
    let wanted = name.strip_prefix(PREFIX).unwrap_or_default();
    let setting = find_setting(table, wanted).ok_or_else(|| {
        ConfigError(format!(
            "{name} is in the environment and is no setting; see `keyward config default`"
        ))
    })?;
    *setting = match setting {
        Value::String(_) => Value::String(text.to_owned()),
        // The text of a secret never gets here, and that of a number or switch may be shown.
        Value::Integer(_) => text
            .parse()
            .map(Value::Integer)
            .map_err(|_| ConfigError(format!("{name} must be a whole number")))?,
        Value::Float(_) => text
            .parse()
            .map(Value::Float)
            .map_err(|_| ConfigError(format!("{name} must be a number")))?,
        Value::Boolean(_) => text
            .parse()
            .map(Value::Boolean)
            .map_err(|_| ConfigError(format!("{name} must be true or false")))?,
        // Each list there is holds texts.
        Value::Array(_) => text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| Value::String(item.to_owned()))
            .collect::<Vec<_>>()
            .into(),
        _ => {
            return Err(ConfigError(format!(
                "{name} cannot be set in the environment"
            )));
        }
    };
    Ok(())
}

/// The setting whose path, in capitals and with underscores, is `wanted`.
fn find_setting<'a>(table: &'a mut Table, wanted: &str) -> Option<&'a mut Value> {
    table.iter_mut().find_map(|(key, value)| {
        let rest = wanted.strip_prefix(key.to_uppercase().as_str())?;
        match value {
            Value::Table(inner) => find_setting(inner, rest.strip_prefix('_')?),
            value => rest.is_empty().then_some(value),
        }
    })
}
