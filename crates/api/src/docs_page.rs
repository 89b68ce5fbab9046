//! The API as a page to read, made from the endpoints' declarations. It has no script and loads nothing from elsewhere.

use crate::description::problems_of;
use crate::endpoint::Endpoint;
use crate::problem::Code;
use crate::shape::Shape;
use keyward_policy::Rule;
use std::fmt::Write;

/// Its style, served from a path of its own: the page's policy allows no inline style.
pub(crate) const STYLE: &str = include_str!("docs_page.css");

/// The page.
pub(crate) fn render(endpoints: &[Endpoint]) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Keyward API</title>\
         <link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body><main><h1>Keyward API</h1>\
         <p>A request names its tenant by its access token, by the host, or by <code>/t/&lt;slug&gt;</code> in front of the \
         path. The same for programs: <a href=\"/openapi.json\">/openapi.json</a>.</p>",
    );
    let mut endpoints: Vec<&Endpoint> = endpoints.iter().collect();
    endpoints.sort_by_key(|endpoint| endpoint.path());
    for endpoint in endpoints {
        render_endpoint(&mut page, endpoint);
    }
    page.push_str(
        "<h2>Errors</h2><p>Every error is <code>application/problem+json</code>.</p><table>",
    );
    for code in Code::ALL {
        row(
            &mut page,
            &[code.name(), code.status().as_str(), code.title()],
        );
    }
    page.push_str("</table></main></body></html>");
    page
}

fn render_endpoint(page: &mut String, endpoint: &Endpoint) {
    let (method, path) = (endpoint.method(), escape(endpoint.path()));
    let who = match endpoint.action().rule() {
        Rule::Anyone => "anyone",
        Rule::Owner => "a signed-in user, on what is theirs",
        Rule::Client(_) => "an OAuth client of the tenant",
        Rule::Administrator => "an administrator of the tenant",
        Rule::Operator => "an operator",
    };
    let _ = write!(
        page,
        "<section><h2><b>{method}</b> <code>{path}</code></h2><p>{}</p><p class=\"note\">For {who}; action \
         <code>{}</code>.</p>",
        escape(endpoint.summary),
        endpoint.action().name()
    );
    for (title, shape) in [
        ("Query", &endpoint.query),
        ("Body", &endpoint.request),
        ("Answer", &endpoint.answer.1),
    ] {
        if let Some(shape) = shape {
            render_shape(page, title, shape);
        }
    }
    let problems: Vec<_> = problems_of(endpoint)
        .iter()
        .map(|code| format!("<code>{}</code>", code.name()))
        .collect();
    let _ = write!(
        page,
        "<p>Answers {}. Errors: {}.</p></section>",
        endpoint.answer.0.as_u16(),
        problems.join(", ")
    );
}

fn render_shape(page: &mut String, title: &str, shape: &Shape) {
    let _ = write!(page, "<h3>{title}</h3><table>");
    for (name, schema, required) in shape.properties() {
        let name = if required { name } else { format!("{name}?") };
        let kind = match (&schema["type"], &schema["$ref"], &schema["oneOf"]) {
            (serde_json::Value::String(kind), ..) => kind.clone(),
            (serde_json::Value::Array(kinds), ..) => kinds
                .iter()
                .filter_map(|kind| kind.as_str())
                .collect::<Vec<_>>()
                .join(" or "),
            (_, serde_json::Value::String(target), _) => {
                target.rsplit('/').next().unwrap_or_default().to_owned()
            }
            _ => "object".to_owned(),
        };
        row(
            page,
            &[
                &name,
                &kind,
                schema["description"].as_str().unwrap_or_default(),
            ],
        );
    }
    page.push_str("</table>");
}

fn row(page: &mut String, cells: &[&str]) {
    page.push_str("<tr>");
    for cell in cells {
        let _ = write!(page, "<td>{}</td>", escape(cell));
    }
    page.push_str("</tr>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
