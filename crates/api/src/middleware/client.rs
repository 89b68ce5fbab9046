//! Who asks at the OAuth endpoints: a client of the tenant, by one of the ways of RFC 6749 §2.3 and RFC 7523 §2.2.

use super::asked::Asked;
use super::presented::presented_by;
use super::visit::Visit;
use crate::admitted::Context;
use crate::declaration::Declaration;
use crate::form::{self, Form, invalid};
use crate::problem::{Code, Problem};
use crate::state::Api;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyward_model::{ClientId, ClientSecret};
use keyward_service::Cx;
use keyward_service::client_authentication::{
    ClientProof, PresentedClient, authenticate_client, client_id_in,
};
use zeroize::Zeroizing;

/// What says that `client_assertion` is a JWT (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Lets a client in that proves who it is, and keeps what its body says for the endpoint.
pub(super) async fn admit(
    api: &Api,
    declaration: &Declaration,
    asked: &mut Asked,
    visit: &mut Visit,
) -> Result<Context, Problem> {
    let form = match declaration.body_bytes_max {
        Some(_) => Form::read(&asked.head.headers, asked.body.as_ref())?,
        None => Form::default(),
    };
    let client = client_of(&asked.head.headers, &form, declaration);
    asked.form = Some(form);
    let client = match client {
        Ok(client) => client,
        Err(problem) => {
            if visit.toll.is_unpaid() {
                visit.toll.pay_as_network(api, asked)?;
            }
            return Err(problem);
        }
    };
    let presented = presented_by(asked, None)?;
    let toll = &mut visit.toll;
    let may_look_up = || toll.advance_once(api, asked);
    let sender = authenticate_client(&api.platform, presented, client, may_look_up).await?;
    visit.toll.refund(api, asked);
    visit.met(api, &sender).await;
    let client = asked.client.clone();
    let cx = Cx::begin(&api.platform, sender, client, declaration.action).await?;
    Ok(Context::Tenant(cx))
}

fn client_of(
    headers: &HeaderMap,
    form: &Form,
    declaration: &Declaration,
) -> Result<PresentedClient, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let header = match (values.next(), values.next()) {
        (Some(value), None) => Some(value.to_str().map_err(|_| unknown())?),
        (None, _) => None,
        (Some(_), Some(_)) => return Err(invalid("two credentials")),
    };
    let assertion = form.get("client_assertion");
    let ways = [
        header.is_some(),
        form.get("client_secret").is_some(),
        assertion.is_some(),
    ];
    if ways.into_iter().filter(|used| *used).count() > 1 {
        // RFC 6749 §2.3: one way in each request.
        return Err(invalid("the client proves who it is in more than one way"));
    }
    let named = form.get("client_id");
    let (id, proof) = match (header, assertion) {
        (Some(header), _) => by_header(header, declaration.body_bytes_max.is_some())?,
        (None, Some(assertion)) => by_assertion(assertion, form)?,
        (None, None) => by_body(form)?,
    };
    let id: ClientId = id_in(&id).ok_or_else(unknown)?;
    if named.is_some_and(|named| id_in(named) != Some(id)) {
        return Err(unknown());
    }
    Ok(PresentedClient {
        id,
        proof,
        endpoint: declaration.path,
    })
}

/// `Authorization: Basic`, with both parts encoded as in a form (RFC 6749 §2.3.1). Where a request has no form to carry it, an
/// assertion stands in `Authorization: Bearer`.
fn by_header(header: &str, takes_form: bool) -> Result<(String, ClientProof), Problem> {
    match header.split_once(' ') {
        Some((scheme, assertion)) if !takes_form && scheme.eq_ignore_ascii_case("bearer") => {
            let assertion = assertion.trim().to_owned();
            let id = client_id_in(&assertion).ok_or_else(unknown)?;
            Ok((id, ClientProof::Assertion(assertion)))
        }
        _ => by_basic(header),
    }
}

fn by_basic(header: &str) -> Result<(String, ClientProof), Problem> {
    let decoded = header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .map(Zeroizing::new)
        .ok_or_else(unknown)?;
    let colon = decoded.iter().position(|byte| *byte == b':');
    let (id, secret) = decoded.split_at(colon.ok_or_else(unknown)?);
    let decode = |text| form::decode(text).ok_or_else(unknown);
    let (id, secret) = (decode(id)?, decode(secret.get(1..).unwrap_or_default())?);
    let secret = ClientSecret::new(secret.to_string());
    Ok((id.to_string(), ClientProof::SecretInHeader(secret)))
}

fn by_body(form: &Form) -> Result<(String, ClientProof), Problem> {
    let (Some(id), Some(secret)) = (form.get("client_id"), form.get("client_secret")) else {
        return Err(unknown());
    };
    let secret = ClientSecret::new(secret.to_owned());
    Ok((id.to_owned(), ClientProof::SecretInBody(secret)))
}

fn by_assertion(assertion: &str, form: &Form) -> Result<(String, ClientProof), Problem> {
    if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
        return Err(invalid(format!(
            "client_assertion_type is {ASSERTION_TYPE}"
        )));
    }
    let id = client_id_in(assertion).ok_or_else(unknown)?;
    Ok((id, ClientProof::Assertion(assertion.to_owned())))
}

/// The id, if the text is written as we write it: UUIDs have other spellings, but a `client_id` has one.
fn id_in(text: &str) -> Option<ClientId> {
    let id: ClientId = text.parse().ok()?;
    (id.to_string() == text).then_some(id)
}

fn unknown() -> Problem {
    Problem::new(Code::InvalidClient)
}
