//! Which endpoint serves a request.

use crate::admitted::Admitted;
use crate::declaration::Declaration;
use crate::endpoint::Endpoint;
use crate::meter::{HttpMeter, RouteMeter};
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// An endpoint's handler at work.
pub(crate) type Handling = Pin<Box<dyn Future<Output = Response> + Send>>;
/// An endpoint's handler.
pub(crate) type Handler = Arc<dyn Fn(Request, Admitted) -> Handling + Send + Sync>;

/// The endpoints by path, then by method.
#[derive(Debug)]
pub(crate) struct Routes {
    paths: matchit::Router<Vec<Arc<Served>>>,
}

/// An endpoint as it is served.
pub(crate) struct Served {
    pub(crate) declaration: Declaration,
    pub(crate) meter: Arc<RouteMeter>,
    pub(crate) handler: Handler,
}

/// What there is at a path.
pub(crate) enum Found<'a> {
    Endpoint(&'a Arc<Served>, PathParameters),
    /// Only endpoints of other methods: those of `Allow`.
    OtherMethods(String),
    Nothing,
}

/// The values of what stands in braces in an endpoint's path, with their names.
#[derive(Debug, Default)]
pub(crate) struct PathParameters(Vec<(String, String)>);

impl Routes {
    pub(crate) fn new(endpoints: Vec<Endpoint>, meter: &HttpMeter) -> Self {
        let mut by_path: BTreeMap<&'static str, Vec<Arc<Served>>> = BTreeMap::new();
        for served in endpoints.into_iter().filter_map(|one| one.served(meter)) {
            let at_path = by_path.entry(served.declaration.path).or_default();
            at_path.push(Arc::new(served));
        }
        let mut paths = matchit::Router::new();
        for (path, served) in by_path {
            if let Err(error) = paths.insert(path, served) {
                // Two paths that cannot be told apart: the test of all routes finds the one that is missing.
                tracing::error!(path, %error, "a path cannot be served");
            }
        }
        Self { paths }
    }

    /// What there is for a method at a path. HEAD is served by what serves GET.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_> {
        let Ok(found) = self.paths.at(path) else {
            return Found::Nothing;
        };
        let wanted = match *method {
            Method::HEAD => "GET",
            _ => method.as_str(),
        };
        let mut at_path = found.value.iter();
        match at_path.find(|served| served.declaration.method == wanted) {
            Some(served) => Found::Endpoint(served, PathParameters::of(&found.params)),
            None => Found::OtherMethods(allowed(found.value)),
        }
    }
}

/// The methods of a path, as `Allow` names them (RFC 9110 §10.2.1).
fn allowed(at_path: &[Arc<Served>]) -> String {
    let methods = at_path.iter().map(|served| served.declaration.method);
    let named = methods.map(|method| match method {
        "GET" => "GET,HEAD",
        other => other,
    });
    named.collect::<Vec<_>>().join(",")
}

impl PathParameters {
    /// What does not decode to text is left out: it names nothing.
    fn of(params: &matchit::Params<'_, '_>) -> Self {
        let decoded = params.iter().filter_map(|(name, value)| {
            let value = percent_decode_str(value).decode_utf8().ok()?;
            Some((name.to_owned(), value.into_owned()))
        });
        Self(decoded.collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The one that stands last in the path: what the endpoint is about.
    pub(crate) fn last(&self) -> Option<&str> {
        self.0.last().map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Declaration { method, path, .. } = self.declaration;
        write!(formatter, "{method} {path}")
    }
}
