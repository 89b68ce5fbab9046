//! The shapes that several endpoints give.

use keyward_model::{ConcurrentSessions, Page, Session, SessionId, Tenant, User};
use serde::Serialize;
use std::borrow::Cow;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserBody {
    /// UUIDv7.
    id: String,
    /// As the user gave it.
    #[schema(format = "email")]
    email: String,
    /// How the user wants to be called.
    name: Option<String>,
    /// `member` or `administrator`.
    #[schema(value_type = String)]
    role: keyward_model::Role,
    /// `active`, `disabled`, `invited` or `deleting`.
    #[schema(value_type = String)]
    status: keyward_model::UserStatus,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    created_at: String,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    last_sign_in_at: Option<String>,
    /// From where that was.
    last_sign_in_address: Option<String>,
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionBody {
    /// UUIDv7; it is the `sid` of the session's tokens.
    id: String,
    /// Whether it is the one of this request.
    current: bool,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    created_at: String,
    /// RFC 3339, UTC; to about a minute.
    #[schema(format = "date-time")]
    last_active_at: String,
    /// When it ends whatever happens.
    #[schema(format = "date-time")]
    expires_at: String,
    /// When it ends if no request comes.
    #[schema(format = "date-time")]
    idles_out_at: String,
    /// From where the user signed in.
    address: Option<String>,
    /// From which country that was (ISO 3166-1 alpha-2), if the operator gave a database of addresses; never a proof.
    country: Option<String>,
    /// With which agent.
    user_agent: Option<String>,
    /// What the client said of its device.
    device: DeviceBody,
    /// When the user last proved in it who they are. RFC 3339, UTC.
    #[schema(format = "date-time")]
    authenticated_at: String,
    /// How many other sessions of the user were live when this one was opened, also those that it ended for want of room. In
    /// the answer that opens it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrent_sessions: Option<i64>,
}

/// A device, in its own words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeviceBody {
    /// A name that the user knows it by.
    name: Option<String>,
    /// By which the client recognizes the device.
    fingerprint: Option<String>,
    /// Which device wins a conflict; higher wins.
    priority: i64,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantBody {
    /// UUIDv7.
    id: String,
    /// Its short name.
    slug: String,
    /// The `iss` of its tokens.
    issuer: String,
}

/// A page of a list. Its schema is written out since a derived one has one name for the pages of all lists.
#[derive(Debug, Serialize)]
pub(crate) struct PageBody<T> {
    /// The items.
    items: Vec<T>,
    /// Where the next page begins, for `?cursor=`; null on the last.
    next_cursor: Option<String>,
}

impl<T> PageBody<T> {
    /// A list that is short enough to be given whole.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            name: user.name.map(|name| name.to_string()),
            role: user.role,
            status: user.status,
            created_at: user.created_at.to_string(),
            last_sign_in_at: user.last_sign_in_at.map(|moment| moment.to_string()),
            last_sign_in_address: user.last_sign_in_address,
        }
    }
}

impl SessionBody {
    /// A session that was just opened, beside others.
    pub(crate) fn opened(session: Session, concurrent: Option<ConcurrentSessions>) -> Self {
        let current = Some(session.id);
        Self {
            concurrent_sessions: concurrent.map(|concurrent| concurrent.sessions),
            ..Self::new(session, current)
        }
    }

    pub(crate) fn new(session: Session, current: Option<SessionId>) -> Self {
        Self {
            id: session.id.to_string(),
            current: current == Some(session.id),
            created_at: session.created_at.to_string(),
            last_active_at: session.last_active_at.to_string(),
            expires_at: session.expires_at.to_string(),
            idles_out_at: session.idles_out_at().to_string(),
            address: session.address,
            country: session.country.map(String::from),
            user_agent: session.user_agent,
            device: DeviceBody {
                name: session.device.name,
                fingerprint: session.device.fingerprint,
                priority: session.device.priority,
            },
            authenticated_at: session.authenticated_at.to_string(),
            concurrent_sessions: None,
        }
    }
}

impl From<Tenant> for TenantBody {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            slug: tenant.slug.to_string(),
            issuer: tenant.issuer.to_string(),
        }
    }
}

impl<T: ToSchema> PartialSchema for PageBody<T> {
    fn schema() -> RefOr<Schema> {
        let items = ArrayBuilder::new()
            .items(Ref::from_schema_name(T::name()))
            .description(Some("The items."));
        let next_cursor = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some(
                "Where the next page begins, for `?cursor=`; null on the last.",
            ));
        ObjectBuilder::new()
            .description(Some("A page of a list."))
            .property("items", items)
            .property("next_cursor", next_cursor)
            .required("items")
            .into()
    }
}

impl<T: ToSchema> ToSchema for PageBody<T> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("PageOf{}", T::name()))
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(schemas);
    }
}

impl<T> From<Page<T>> for PageBody<T> {
    fn from(page: Page<T>) -> Self {
        Self {
            items: page.items,
            next_cursor: page.next.map(|cursor| cursor.to_string()),
        }
    }
}
