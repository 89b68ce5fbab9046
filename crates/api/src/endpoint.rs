//! The declaration of an endpoint: everything that is said of it, in one place.

use crate::admitted::Admitted;
use crate::declaration::{Declaration, Plane};
use crate::meter::HttpMeter;
use crate::once::{Shown, keep};
use crate::problem::Code;
use crate::served::{self, Handling, Served};
use crate::shape::{Shape, shape_of};
use axum::handler::Handler;
use axum::http::StatusCode;
use keyward_policy::Action;
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest body that is read unless an endpoint declares another limit, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1_024;

/// One method on one path.
#[derive(Clone)]
pub struct Endpoint {
    pub(crate) declaration: Declaration,
    pub(crate) summary: &'static str,
    pub(crate) request: Option<Shape>,
    pub(crate) query: Option<Shape>,
    pub(crate) answer: (StatusCode, Option<Shape>),
    pub(crate) is_stream: bool,
    pub(crate) problems: Vec<Code>,
    pub(crate) conditional: bool,
    handler: Option<served::Handler>,
}

impl Endpoint {
    /// Declares a GET.
    pub(crate) fn get(path: &'static str, action: Action) -> Self {
        Self::new("GET", path, action).only_reads()
    }

    /// Declares a POST.
    pub(crate) fn post(path: &'static str, action: Action) -> Self {
        Self::new("POST", path, action)
    }

    /// Declares a PATCH.
    pub(crate) fn patch(path: &'static str, action: Action) -> Self {
        Self::new("PATCH", path, action)
    }

    /// Declares a DELETE.
    pub(crate) fn delete(path: &'static str, action: Action) -> Self {
        Self::new("DELETE", path, action)
    }

    /// Declares a PUT.
    pub(crate) fn put(path: &'static str, action: Action) -> Self {
        Self::new("PUT", path, action)
    }

    fn new(method: &'static str, path: &'static str, action: Action) -> Self {
        let plane = Plane::Tenant;
        Self {
            declaration: Declaration {
                method,
                path,
                action,
                plane,
                by_clients: false,
                only_reads: false,
                body_bytes_max: None,
                success: StatusCode::OK,
                keep: None,
            },
            summary: "",
            request: None,
            query: None,
            answer: (StatusCode::OK, None),
            is_stream: false,
            problems: Vec::new(),
            conditional: false,
            handler: None,
        }
    }

    /// It is the instance's, not a tenant's.
    pub(crate) fn of_instance(mut self) -> Self {
        self.declaration.plane = Plane::Instance;
        self
    }

    /// It is the operators', not a tenant's.
    pub(crate) fn of_operators(mut self) -> Self {
        self.declaration.plane = Plane::Operator;
        self
    }

    /// OAuth clients ask it, and nobody else: by a form, and with errors of RFC 6749's shape.
    pub(crate) fn by_clients(mut self) -> Self {
        self.declaration.by_clients = true;
        self
    }

    /// It only reads. Every GET does.
    pub(crate) fn only_reads(mut self) -> Self {
        self.declaration.only_reads = true;
        self
    }

    /// One sentence that says what it does.
    pub(crate) fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// The shape of its JSON body.
    pub(crate) fn takes<T: ToSchema>(mut self) -> Self {
        self.request = Some(shape_of::<T>());
        self.declaration.body_bytes_max = Some(BODY_BYTES_MAX);
        self
    }

    /// The shape of its form body.
    pub(crate) fn takes_form<T: ToSchema>(self) -> Self {
        self.takes::<T>()
    }

    /// The shape of its query.
    pub(crate) fn query<T: ToSchema>(mut self) -> Self {
        self.query = Some(shape_of::<T>());
        self
    }

    /// The status and shape of its answer.
    pub(crate) fn gives<T: ToSchema>(mut self, status: StatusCode) -> Self {
        self.declaration.success = status;
        self.answer = (status, Some(shape_of::<T>()));
        self
    }

    /// It answers with server-sent events, whose data has this shape, and heeds `Last-Event-ID`.
    pub(crate) fn streams<T: ToSchema>(mut self) -> Self {
        self.is_stream = true;
        self.gives::<T>(StatusCode::OK)
    }

    /// The status of its answer, which has no body or none in JSON.
    pub(crate) fn gives_no_json(mut self, status: StatusCode) -> Self {
        self.answer = (status, None);
        self
    }

    /// It heeds `Idempotency-Key`: `T`, the value of its use case's transaction, is what its answer shows.
    pub(crate) fn idempotent<T: Shown>(mut self) -> Self {
        self.declaration.keep = Some(keep::<T>);
        self.fails_with(&[
            Code::InvalidIdempotencyKey,
            Code::IdempotencyKeyReused,
            Code::AnswerNotRepeated,
        ])
    }

    /// Whether it heeds `Idempotency-Key`.
    pub fn is_idempotent(&self) -> bool {
        self.declaration.keep.is_some()
    }

    /// It heeds `If-Match`.
    pub(crate) fn conditional(mut self) -> Self {
        self.conditional = true;
        self.fails_with(&[Code::PreconditionFailed])
    }

    /// What can go wrong, besides what can at every endpoint of its kind.
    pub(crate) fn fails_with(mut self, problems: &[Code]) -> Self {
        self.problems.extend_from_slice(problems);
        self
    }

    /// Its handler, which completes the declaration.
    pub(crate) fn handled_by<H, T>(mut self, handler: H) -> Self
    where
        H: Handler<T, Admitted, Future = Handling> + Sync,
        T: 'static,
    {
        self.handler = Some(Arc::new(move |request, admitted| {
            handler.clone().call(request, admitted)
        }));
        self
    }

    /// Its method, as in a request line.
    pub fn method(&self) -> &'static str {
        self.declaration.method
    }

    /// Its path, with parameters in braces.
    pub fn path(&self) -> &'static str {
        self.declaration.path
    }

    /// Whether OAuth clients ask it, by a form and with errors of RFC 6749's shape.
    pub fn is_by_clients(&self) -> bool {
        self.declaration.by_clients
    }

    /// What it asks policy for.
    pub fn action(&self) -> Action {
        self.declaration.action
    }

    /// Whose it is.
    pub fn plane(&self) -> Plane {
        self.declaration.plane
    }

    /// What is served of it: nothing, until it has its handler.
    pub(crate) fn served(self, meter: &HttpMeter) -> Option<Served> {
        Some(Served {
            meter: meter.route(self.method(), self.path()),
            declaration: self.declaration,
            handler: self.handler?,
        })
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} {} ({})",
            self.method(),
            self.path(),
            self.action().name()
        )
    }
}
