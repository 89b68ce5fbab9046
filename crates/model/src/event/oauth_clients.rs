//! What the events of OAuth clients say of themselves. What takes a right away makes every node forget the client.

use super::description::{Description, Removal, Target, object};
use crate::{OAuthClient, Timestamp};
use serde_json::{Value, json};

pub(super) fn created(client: &OAuthClient) -> Description {
    about("oauth_client.created", client).after(state(client))
}

pub(super) fn changed(before: &OAuthClient, after: &OAuthClient) -> Description {
    let mut description = forgotten(about("oauth_client.changed", after), after);
    description.public.before = object(state(before));
    description.after(state(after))
}

pub(super) fn secret_rotated(client: &OAuthClient, previous_until: Timestamp) -> Description {
    forgotten(about("oauth_client.secret_rotated", client), client)
        .detail("previous_secret_until", json!(previous_until))
}

pub(super) fn enabled(client: &OAuthClient) -> Description {
    about("oauth_client.enabled", client)
}

pub(super) fn disabled(client: &OAuthClient) -> Description {
    forgotten(about("oauth_client.disabled", client), client)
}

pub(super) fn deleted(client: &OAuthClient) -> Description {
    forgotten(about("oauth_client.deleted", client), client).detail("name", json!(client.name))
}

fn state(client: &OAuthClient) -> Value {
    json!({
        "name": client.name,
        "authentication": client.authentication,
        "rights": client.rights.list(),
        "keys": client.keys,
    })
}

fn about(kind: &'static str, client: &OAuthClient) -> Description {
    Description::success(kind, Target::one("oauth_client", client.id)).version(client.version)
}

fn forgotten(mut description: Description, client: &OAuthClient) -> Description {
    description.removal = Some(Removal::Client(client.id));
    description
}
