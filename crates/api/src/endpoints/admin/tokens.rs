//! `GET /v1/admin/tokens/usage`

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::{Caller, Parameters, query_value};
use crate::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{FIRST_PARTY_CLIENT_ID, Timestamp, TokenUsage, UsageDay};
use keyward_policy::Action;
use keyward_service::token_usage::read_token_usage;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use utoipa::ToSchema;

/// Which days of UTC: 1 to 31.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageParameters {
    /// The first; six days before the last, unless given.
    #[schema(value_type = Option<String>, format = "date")]
    from: Option<String>,
    /// The last; today, unless given.
    #[schema(value_type = Option<String>, format = "date")]
    to: Option<String>,
}

/// How often what happened to the tokens of a kind, on a day, at or by a client. A few seconds behind; a crash loses as much.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsageBody {
    /// Which day of UTC.
    #[schema(format = "date")]
    date: String,
    /// `access`, `refresh`, `social` or `api`.
    kind: &'static str,
    /// A client's id, or `first-party`: to whom tokens were issued; of what was revoked and asked about, who did.
    client_id: String,
    /// How many were issued for a new session.
    issued: i64,
    /// How many were issued in the place of others.
    refreshed: i64,
    /// How many were revoked.
    revoked: i64,
    /// How often somebody asked about one.
    introspected: i64,
}

/// A day of UTC as people write it: `2026-11-21`.
struct Date(UsageDay);

pub(in crate::endpoints) fn usage() -> Endpoint {
    Endpoint::get("/v1/admin/tokens/usage", Action::ReadTokenUsage)
        .summary("Shows how often tokens were issued, refreshed, revoked and asked about, by day, kind and client.")
        .query::<UsageParameters>()
        .gives::<PageBody<UsageBody>>(StatusCode::OK)
        .handled_by(
            async |Caller(cx): Caller, Parameters(days): Parameters<UsageParameters>| {
                let today = UsageDay::of(cx.now());
                let last = query_value("to", days.to)?.map_or(today, |Date(day)| day);
                let week = UsageDay(last.0 - 6);
                let first = query_value("from", days.from)?.map_or(week, |Date(day)| day);
                let usage = read_token_usage(&cx, (first, last)).await?;
                let items = usage.into_iter().map(UsageBody::from).collect();
                Ok::<_, Problem>(Json(PageBody::<UsageBody>::whole(items)))
            },
        )
}

impl FromStr for Date {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let midnight: Timestamp = match text.len() {
            10 => format!("{text}T00:00:00Z").parse().map_err(drop)?,
            _ => return Err(()),
        };
        Ok(Self(UsageDay::of(midnight)))
    }
}

impl From<TokenUsage> for UsageBody {
    fn from(usage: TokenUsage) -> Self {
        let client = usage.client.map(|id| id.to_string());
        let mut date = usage.day.begin().to_string();
        date.truncate(10);
        Self {
            date,
            kind: usage.kind.name(),
            client_id: client.unwrap_or_else(|| FIRST_PARTY_CLIENT_ID.to_owned()),
            issued: usage.issued,
            refreshed: usage.refreshed,
            revoked: usage.revoked,
            introspected: usage.introspected,
        }
    }
}
