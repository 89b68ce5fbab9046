//! Every endpoint, one a file; the folders mirror the paths.

mod admin;
mod auth;
mod description;
mod health;
mod oauth2;
mod operator;
mod profile;
mod revocations;
mod session;
mod sessions;
mod well_known;

use crate::endpoint::Endpoint;

/// All of them. What is not here is not served.
pub fn all() -> Vec<Endpoint> {
    vec![
        health::alive(),
        health::ready(),
        description::openapi(),
        description::page(),
        description::style(),
        well_known::keys(),
        well_known::openid_configuration(),
        well_known::authorization_server(),
        auth::register::endpoint(),
        auth::invitation::accept(),
        auth::login::endpoint(),
        auth::refresh::endpoint(),
        auth::logout::endpoint(),
        auth::password::change(),
        auth::reauthenticate::endpoint(),
        oauth2::introspect::endpoint(),
        oauth2::revoke::endpoint(),
        revocations::endpoint(),
        session::endpoint(),
        sessions::list::endpoint(),
        sessions::revoke::one(),
        sessions::revoke::others(),
        sessions::revoke::all(),
        profile::read(),
        profile::change(),
        admin::audit_events::endpoint(),
        admin::users::list::endpoint(),
        admin::users::create::endpoint(),
        admin::users::one::read(),
        admin::users::one::change(),
        admin::users::one::delete(),
        admin::users::status::disable(),
        admin::users::status::enable(),
        admin::users::status::unlock(),
        admin::users::status::restore(),
        admin::publishable_keys::create(),
        admin::publishable_keys::list(),
        admin::publishable_keys::enable(),
        admin::publishable_keys::disable(),
        admin::publishable_keys::delete(),
        admin::users::invitation::endpoint(),
        admin::sessions::list_of_user(),
        admin::sessions::revoke_of_user(),
        admin::sessions::revoke_any(),
        admin::sessions::list_active(),
        admin::sessions::revoke_all(),
        admin::clients::create(),
        admin::clients::list(),
        admin::clients::read(),
        admin::clients::change(),
        admin::clients::rotate_secret(),
        admin::clients::enable(),
        admin::clients::disable(),
        admin::clients::delete(),
        admin::tokens::usage(),
        admin::roles::endpoint(),
        admin::settings::read(),
        admin::settings::change(),
    ]
}

/// All of the operators' endpoints. They are served on listeners of their own.
pub fn of_operators() -> Vec<Endpoint> {
    vec![
        description::operator_openapi(),
        operator::events::endpoint(),
        operator::nodes::endpoint(),
        operator::jobs::list(),
        operator::jobs::read(),
        operator::jobs::cancel(),
        operator::jobs::retry(),
        operator::tenants::list::endpoint(),
        operator::tenants::create::endpoint(),
        operator::tenants::one::read(),
        operator::tenants::lifecycle::suspend(),
        operator::tenants::lifecycle::resume(),
        operator::tenants::lifecycle::delete(),
        operator::tenants::lifecycle::restore(),
        operator::tenants::settings::endpoint(),
        operator::tenants::hosts::add(),
        operator::tenants::hosts::remove(),
        operator::tenants::users::list(),
        operator::tenants::users::create(),
        operator::tenants::users::invite(),
        operator::tenants::users::unlock(),
        operator::tenants::audit_events::endpoint(),
        operator::tenants::signing_keys::list(),
        operator::tenants::signing_keys::rotate(),
        operator::tenants::signing_keys::revoke(),
    ]
}
