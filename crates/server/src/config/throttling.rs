//! How many attempts at credentials there may be, as far as the operator sets it.

use super::ConfigError;
use keyward_service::ThrottlingSettings;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Throttling {
    window_seconds: i64,
    network_attempts_max: u32,
    tenant_attempts_max: u32,
}

impl Throttling {
    pub(super) fn checked(self) -> Result<ThrottlingSettings, ConfigError> {
        let Self {
            window_seconds,
            network_attempts_max,
            tenant_attempts_max,
        } = self;
        for (name, value, (least, most)) in [
            ("window_seconds", window_seconds, (60, 86_400)),
            (
                "network_attempts_max",
                i64::from(network_attempts_max),
                (1, 1_000_000),
            ),
            (
                "tenant_attempts_max",
                i64::from(tenant_attempts_max),
                (1, 1_000_000),
            ),
        ] {
            if !(least..=most).contains(&value) {
                let problem = format!("throttling.{name} must be {least} to {most}");
                return Err(ConfigError(problem));
            }
        }
        Ok(ThrottlingSettings {
            window_seconds,
            network_attempts_max,
            tenant_attempts_max,
        })
    }
}
