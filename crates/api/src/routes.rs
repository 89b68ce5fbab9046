//! Which endpoint serves a request.

use crate::endpoint::Endpoint;
use crate::meter::HttpMeter;
use crate::path_parameters::PathParameters;
use crate::served::Served;
use axum::http::Method;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The endpoints by path, then by method.
#[derive(Debug)]
pub(crate) struct Routes {
    paths: matchit::Router<Vec<Arc<Served>>>,
}

/// What there is at a path.
pub(crate) enum Found<'a> {
    Endpoint(&'a Arc<Served>, PathParameters),
    /// Only endpoints of other methods: those of `Allow`.
    OtherMethods(String),
    Nothing,
}

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
