//! Errors as clients see them (RFC 9457), each with a stable code.

use crate::rate_limit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keyward_model::RequestId;
use keyward_service::TooManyAttempts;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

/// After how long a client may try again that was told nothing more exact.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What went wrong, for programs. A code keeps its meaning for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is not JSON.
    InvalidJson,
    /// The body is JSON of another shape, or a value in it is not of its form.
    InvalidBody,
    /// A query parameter is unknown or not of its form.
    InvalidQuery,
    /// The body is of another media type.
    UnsupportedMediaType,
    /// The body is too long.
    BodyTooLarge,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The host is no host name, or is named twice in different ways.
    InvalidHost,
    /// Nobody is signed in.
    Unauthenticated,
    /// The access token is not valid, or its session is over.
    InvalidToken,
    /// The address or the password is wrong.
    InvalidCredentials,
    /// The refresh token is unknown, spent, revoked or expired.
    InvalidRefreshToken,
    /// The caller may not do this.
    Forbidden,
    /// There is no such thing, or the caller may not see it.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// The address has an account.
    EmailTaken,
    /// Somebody else changed it at the same moment.
    ChangedMeanwhile,
    /// More requests than one network or one session may send.
    RateLimited,
    /// More attempts at a credential than may be made; it is the same whether the account exists or not.
    TooManyAttempts,
    /// The tenant is suspended, or about to be deleted.
    TenantSuspended,
    /// In the status that the tenant is in this cannot be done.
    WrongTenantStatus,
    /// In the state that the job is in this cannot be done.
    WrongJobState,
    /// Another tenant has the slug or the issuer.
    TenantTaken,
    /// The host name leads to another tenant.
    HostTaken,
    /// An operator changes something and does not say why.
    OperatorReasonMissing,
    /// The reason is not 1 to 200 printable characters, or there are two.
    InvalidOperatorReason,
    /// The tenant would be left without an active administrator.
    LastAdministrator,
    /// In the status that the user is in this cannot be done.
    WrongStatus,
    /// It is not of a version that `If-Match` names.
    PreconditionFailed,
    /// `Idempotency-Key` is none, or is there twice.
    InvalidIdempotencyKey,
    /// What is asked for is not done once by `Idempotency-Key`.
    IdempotencyKeyNotHeeded,
    /// Something else was asked for under the key.
    IdempotencyKeyReused,
    /// It was done before, and the answer showed a secret.
    AnswerNotRepeated,
    /// The invitation is unknown, used, replaced or expired.
    InvalidInvitation,
    /// The tenant has as many publishable keys as it may have.
    TooManyPublishableKeys,
    /// The tenant has as many OAuth clients as it may have.
    TooManyClients,
    /// The user has as many sessions as there may be.
    TooManySessions,
    /// The caller has to prove anew who they are.
    ReauthenticationRequired,
    /// The OAuth client signs, and has no secret that could be another.
    ClientHasNoSecret,
    /// A form is not as RFC 6749 says.
    InvalidRequest,
    /// The OAuth client is unknown, or did not prove who it is.
    InvalidClient,
    /// The OAuth client may not do this.
    UnauthorizedClient,
    /// Tokens of this kind are not revoked.
    UnsupportedTokenType,
    /// The next signing key is there already and does not sign yet.
    RotationUnderWay,
    /// Keyward is too busy, or its database cannot be reached.
    Unavailable,
    /// A fault in Keyward.
    Internal,
}

impl Code {
    /// Every code.
    pub const ALL: &'static [Self] = &[
        Self::InvalidJson,
        Self::InvalidBody,
        Self::InvalidQuery,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::RequestTimeout,
        Self::InvalidHost,
        Self::Unauthenticated,
        Self::InvalidToken,
        Self::InvalidCredentials,
        Self::InvalidRefreshToken,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::EmailTaken,
        Self::ChangedMeanwhile,
        Self::RateLimited,
        Self::TooManyAttempts,
        Self::TenantSuspended,
        Self::WrongTenantStatus,
        Self::WrongJobState,
        Self::TenantTaken,
        Self::HostTaken,
        Self::OperatorReasonMissing,
        Self::InvalidOperatorReason,
        Self::LastAdministrator,
        Self::WrongStatus,
        Self::PreconditionFailed,
        Self::InvalidIdempotencyKey,
        Self::IdempotencyKeyNotHeeded,
        Self::IdempotencyKeyReused,
        Self::AnswerNotRepeated,
        Self::InvalidInvitation,
        Self::TooManyPublishableKeys,
        Self::TooManyClients,
        Self::TooManySessions,
        Self::ReauthenticationRequired,
        Self::ClientHasNoSecret,
        Self::InvalidRequest,
        Self::InvalidClient,
        Self::UnauthorizedClient,
        Self::UnsupportedTokenType,
        Self::RotationUnderWay,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The name that programs compare.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidBody => "invalid_body",
            Self::InvalidQuery => "invalid_query",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::BodyTooLarge => "body_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::InvalidHost => "invalid_host",
            Self::Unauthenticated => "unauthenticated",
            Self::InvalidToken => "invalid_token",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InvalidRefreshToken => "invalid_refresh_token",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::EmailTaken => "email_taken",
            Self::ChangedMeanwhile => "changed_meanwhile",
            Self::RateLimited => "rate_limited",
            Self::TooManyAttempts => "too_many_attempts",
            Self::TenantSuspended => "tenant_suspended",
            Self::WrongTenantStatus => "wrong_tenant_status",
            Self::WrongJobState => "wrong_job_state",
            Self::TenantTaken => "tenant_taken",
            Self::HostTaken => "host_taken",
            Self::OperatorReasonMissing => "operator_reason_missing",
            Self::InvalidOperatorReason => "invalid_operator_reason",
            Self::LastAdministrator => "last_administrator",
            Self::WrongStatus => "wrong_status",
            Self::PreconditionFailed => "precondition_failed",
            Self::InvalidInvitation => "invalid_invitation",
            Self::TooManyPublishableKeys => "too_many_publishable_keys",
            Self::TooManyClients => "too_many_clients",
            Self::TooManySessions => "too_many_sessions",
            Self::ReauthenticationRequired => "reauthentication_required",
            Self::ClientHasNoSecret => "client_has_no_secret",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::RotationUnderWay => "rotation_under_way",
            Self::InvalidIdempotencyKey => "invalid_idempotency_key",
            Self::IdempotencyKeyNotHeeded => "idempotency_key_not_heeded",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::AnswerNotRepeated => "answer_not_repeated",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The status that it comes with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidJson
            | Self::InvalidHost
            | Self::InvalidInvitation
            | Self::InvalidIdempotencyKey
            | Self::InvalidRequest
            | Self::UnauthorizedClient
            | Self::UnsupportedTokenType
            | Self::IdempotencyKeyNotHeeded => StatusCode::BAD_REQUEST,
            Self::InvalidBody | Self::InvalidQuery => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Unauthenticated
            | Self::InvalidToken
            | Self::InvalidCredentials
            | Self::InvalidClient
            | Self::InvalidRefreshToken => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::EmailTaken
            | Self::ChangedMeanwhile
            | Self::LastAdministrator
            | Self::WrongStatus => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::AnswerNotRepeated | Self::TooManyPublishableKeys => StatusCode::CONFLICT,
            Self::RateLimited | Self::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
            Self::TooManyClients | Self::ClientHasNoSecret => StatusCode::CONFLICT,
            Self::TenantTaken | Self::HostTaken | Self::RotationUnderWay => StatusCode::CONFLICT,
            Self::WrongTenantStatus | Self::WrongJobState => StatusCode::CONFLICT,
            Self::TenantSuspended | Self::TooManySessions | Self::ReauthenticationRequired => {
                StatusCode::FORBIDDEN
            }
            Self::OperatorReasonMissing | Self::InvalidOperatorReason => StatusCode::BAD_REQUEST,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The name at the OAuth endpoints, where it is of RFC 6749 §5.2 or of those that extend it.
    pub fn oauth_name(self) -> &'static str {
        match self {
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient | Self::Forbidden | Self::TenantSuspended => {
                "unauthorized_client"
            }
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::RateLimited | Self::Unavailable => "temporarily_unavailable",
            Self::Internal => "server_error",
            _ => "invalid_request",
        }
    }

    /// How whoever is refused can prove who they are.
    fn challenge(self) -> Option<&'static str> {
        match self {
            Self::InvalidToken => Some("Bearer realm=\"keyward\", error=\"invalid_token\""),
            Self::Unauthenticated | Self::InvalidCredentials | Self::InvalidRefreshToken => {
                Some("Bearer realm=\"keyward\"")
            }
            Self::InvalidClient => Some("Basic realm=\"keyward\", charset=\"UTF-8\""),
            _ => None,
        }
    }

    /// A short text for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidJson => "The body is not JSON",
            Self::InvalidBody => "The body is not of the right form",
            Self::InvalidQuery => "The query is not of the right form",
            Self::UnsupportedMediaType => "The body is not application/json",
            Self::BodyTooLarge => "The body is too long",
            Self::RequestTimeout => "The body did not arrive in time",
            Self::InvalidHost => "The host is not a host name",
            Self::Unauthenticated => "An access token is needed",
            Self::InvalidToken => "The access token is not valid",
            Self::InvalidCredentials => "The e-mail address or the password is wrong",
            Self::InvalidRefreshToken => "The refresh token is not valid",
            Self::Forbidden => "You may not do this",
            Self::NotFound => "There is no such thing",
            Self::MethodNotAllowed => "This path has no such method",
            Self::EmailTaken => "The e-mail address has an account",
            Self::ChangedMeanwhile => "It was changed at the same moment",
            Self::RateLimited => "Too many requests",
            Self::TooManyAttempts => "Too many attempts",
            Self::TooManyPublishableKeys => {
                "The tenant has as many publishable keys as it may have"
            }
            Self::TooManyClients => "The tenant has as many OAuth clients as it may have",
            Self::TooManySessions => {
                "You are signed in as often as you may be; sign out somewhere first"
            }
            Self::ReauthenticationRequired => "Prove anew who you are first",
            Self::ClientHasNoSecret => "The OAuth client has no secret",
            Self::InvalidRequest => "The request is not of the right form",
            Self::InvalidClient => "The client is not valid",
            Self::UnauthorizedClient => "The client may not do this",
            Self::UnsupportedTokenType => "Tokens of this kind are not revoked here",
            Self::RotationUnderWay => "The next signing key is there already",
            Self::TenantSuspended => "The tenant is suspended",
            Self::WrongTenantStatus => "The tenant's status does not allow this",
            Self::WrongJobState => "The job's state does not allow this",
            Self::TenantTaken => "A tenant with this slug or issuer exists already",
            Self::HostTaken => "The host name leads to another tenant",
            Self::OperatorReasonMissing => "Say why, in the header Operator-Reason",
            Self::InvalidOperatorReason => {
                "Operator-Reason is one line of 1 to 200 printable characters"
            }
            Self::LastAdministrator => "A tenant keeps at least one active administrator",
            Self::WrongStatus => "The user's status does not allow this",
            Self::InvalidInvitation => "The invitation is not valid",
            Self::InvalidIdempotencyKey => {
                "Idempotency-Key is given once, as 1 to 255 printable characters"
            }
            Self::IdempotencyKeyNotHeeded => "Idempotency-Key is not heeded here: leave it out",
            Self::IdempotencyKeyReused => "Something else was asked for under this Idempotency-Key",
            Self::AnswerNotRepeated => "It was done before; its answer showed a secret",
            Self::PreconditionFailed => "It is of another version than If-Match names",
            Self::Unavailable => "Try again in a moment",
            Self::Internal => "Something went wrong in Keyward",
        }
    }
}

/// An error on its way to a client. The outermost layer adds the request's id and writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    fields: Vec<FieldError>,
    retry_after: Option<Duration>,
    /// Which window of attempts is full, where one is.
    full: Option<Box<TooManyAttempts>>,
    id: Option<Uuid>,
    /// Whether it is written in the shape of RFC 6749 §5.2.
    is_oauth: bool,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// RFC 6901 pointer into the body, or `/query/<name>`.
    pub pointer: String,
    /// For programs: `unknown_field`, `missing`, `invalid`, `too_short`, `too_long`.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

/// The body of an error, `application/problem+json` (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// `urn:keyward:problem:<code>`.
    r#type: String,
    /// A short text for people.
    title: &'static str,
    /// The status code again.
    status: u16,
    /// For programs.
    code: &'static str,
    /// What it is about this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// To be quoted when asking for help.
    request_id: String,
    /// Of what was made before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    id: Option<String>,
    /// Which fields are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// The body of an error at the OAuth endpoints (RFC 6749 §5.2).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OAuthErrorBody {
    /// For programs.
    error: &'static str,
    /// For people.
    error_description: String,
}

impl Problem {
    /// A problem that its code says all of.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            detail: None,
            fields: Vec::new(),
            id: None,
            full: None,
            retry_after: None,
            is_oauth: false,
        }
    }

    /// The same, with how long the client does well to wait before it tries again.
    pub(crate) fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The refusal of an attempt that was one too many.
    pub(crate) fn of_attempts(full: TooManyAttempts) -> Self {
        Self {
            full: Some(Box::new(full)),
            ..Self::new(Code::TooManyAttempts).with_retry_after(full.retry_after)
        }
    }

    /// The same, with what it is about this time. The text leaves the house.
    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same, with the id of what it is about.
    pub(crate) fn with_id(mut self, id: Uuid) -> Self {
        self.id = Some(id);
        self
    }

    pub(crate) fn with_fields(mut self, fields: Vec<FieldError>) -> Self {
        self.fields = fields;
        self
    }

    /// It is written in the shape of RFC 6749 §5.2.
    pub(crate) fn speak_oauth(&mut self) {
        self.is_oauth = true;
    }

    /// The finished answer.
    pub(crate) fn into_answer(mut self, request_id: RequestId) -> Response {
        let code = self.code;
        let (retry_after, full) = (self.retry_after, self.full.take());
        let mut response = match self.is_oauth {
            true => self.into_oauth_body(),
            false => self.into_body(request_id),
        };
        let headers = response.headers_mut();
        if let Some(challenge) = code.challenge() {
            let challenge = HeaderValue::from_static(challenge);
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        let wait = match code {
            Code::Unavailable => Some(retry_after.unwrap_or(RETRY_AFTER)),
            _ => retry_after,
        };
        if let Some(wait) = wait {
            headers.insert(header::RETRY_AFTER, whole_seconds(wait).into());
        }
        if let Some(full) = &full {
            rate_limit::add_full_window(headers, full);
        }
        response
    }

    fn into_oauth_body(self) -> Response {
        let body = OAuthErrorBody {
            error: self.code.oauth_name(),
            error_description: self.detail.unwrap_or_else(|| self.code.title().to_owned()),
        };
        (self.code.status(), axum::Json(body)).into_response()
    }

    fn into_body(self, request_id: RequestId) -> Response {
        let body = ProblemBody {
            r#type: format!("urn:keyward:problem:{}", self.code.name()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            code: self.code.name(),
            detail: self.detail,
            request_id: request_id.to_string(),
            id: self.id.map(|id| id.to_string()),
            errors: self.fields,
        };
        let mut response = (self.code.status(), axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

/// `Retry-After` is in whole seconds (RFC 9110 §10.2.3); part of one is rounded up, so that nobody comes too early.
fn whole_seconds(wait: Duration) -> u64 {
    let rest = u64::from(wait.subsec_nanos() > 0);
    (wait.as_secs() + rest).max(1)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
