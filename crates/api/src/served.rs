//! An endpoint as requests meet it.

use crate::admitted::Admitted;
use crate::declaration::Declaration;
use crate::meter::RouteMeter;
use axum::extract::Request;
use axum::response::Response;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// An endpoint's handler at work.
pub(crate) type Handling = Pin<Box<dyn Future<Output = Response> + Send>>;
/// An endpoint's handler.
pub(crate) type Handler = Arc<dyn Fn(Request, Admitted) -> Handling + Send + Sync>;

/// An endpoint as it is served.
pub(crate) struct Served {
    pub(crate) declaration: Declaration,
    pub(crate) meter: Arc<RouteMeter>,
    pub(crate) handler: Handler,
}

impl fmt::Debug for Served {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Declaration { method, path, .. } = self.declaration;
        write!(formatter, "{method} {path}")
    }
}
