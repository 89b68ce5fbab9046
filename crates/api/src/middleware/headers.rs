//! The headers that every answer carries, errors too (ASVS V3.4, OWASP secure headers).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Set unless the endpoint set its own.
const DEFAULTS: [(HeaderName, &str); 11] = [
    (header::CACHE_CONTROL, "no-store"),
    // Whether a page may see an answer depends on its origin.
    (header::VARY, "origin"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox",
    ),
    (
        header::STRICT_TRANSPORT_SECURITY,
        "max-age=63072000; includeSubDomains",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-embedder-policy"),
        "require-corp",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self), \
         publickey-credentials-create=(self), clipboard-write=(self)",
    ),
];

pub(super) fn add_to(headers: &mut HeaderMap) {
    for (name, value) in DEFAULTS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}
