//! `GET /docs`, `GET /docs/style.css`

use keyward_api::endpoints;
use keyward_testkit::{TestApp, TestDatabase, on_both_engines};

on_both_engines!(the_page_shows_every_endpoint_and_loads_nothing_but_its_style);

async fn the_page_shows_every_endpoint_and_loads_nothing_but_its_style(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.bare_client();
    let page = client.get("/docs").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let policy = page.header("content-security-policy");
    let expected = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    assert_eq!(policy, expected);
    assert!(page.text.starts_with("<!doctype html>"));
    for forbidden in [
        "<script",
        "style=",
        "<style",
        "onclick",
        "href=\"http",
        "src=",
        "<img",
    ] {
        assert!(!page.text.contains(forbidden), "{forbidden}");
    }
    for endpoint in endpoints() {
        let heading = format!(
            "<b>{}</b> <code>{}</code>",
            endpoint.method(),
            endpoint.path()
        );
        assert!(page.text.contains(&heading), "{heading}");
    }
    let links: Vec<_> = page
        .text
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(links, ["/docs/style.css", "/openapi.json"]);
    for link in links {
        client.get(link).await.expect(200);
    }
    let style = client.get("/docs/style.css").await.expect(200);
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(!style.text.contains("url(") && !style.text.contains("@import"));
}
