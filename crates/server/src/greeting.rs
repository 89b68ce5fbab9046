//! What a server says on standard output when it starts: where it is, and how to begin.

use crate::config::Config;
use crate::demo::{ADMIN_EMAIL, DemoPassword};
use std::net::SocketAddr;

/// Says that the server is ready, and what to try on a new demo tenant.
pub(crate) fn greet(
    config: &Config,
    engine: &str,
    address: SocketAddr,
    demo: Option<&DemoPassword>,
) {
    let (version, data) = (env!("CARGO_PKG_VERSION"), config.data.display());
    let base = format!("{}://{address}", config.scheme());
    println!("Keyward {version} is ready at {base} ({engine}, data in {data}).");
    println!("The API to read: {base}/docs");
    let Some(demo) = demo else { return };
    let password = match demo {
        DemoPassword::Generated(password) => password.as_str(),
        DemoPassword::Configured if std::env::var_os("KEYWARD_DEMO_ADMIN_PASSWORD").is_some() => {
            "'\"$KEYWARD_DEMO_ADMIN_PASSWORD\"'"
        }
        DemoPassword::Configured => "the password that you set",
    };
    println!("\nWhat to do next, in another terminal:\n");
    println!("{}", tour(&base, password));
}

/// Lines to paste into a shell.
fn tour(base: &str, password: &str) -> String {
    let json = "-H 'content-type: application/json'";
    let bearer = "-H \"authorization: Bearer $TOKEN\"";
    [
        "  # sign in, and keep the access token for its five minutes".to_owned(),
        format!("  TOKEN=$(curl -s {base}/v1/auth/login {json} \\"),
        format!("    -d '{{\"email\":\"{ADMIN_EMAIL}\",\"password\":\"{password}\"}}' \\"),
        "    | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')".to_owned(),
        "  # who am I?".to_owned(),
        format!("  curl -s {base}/v1/session {bearer}"),
        "  # what happened so far?".to_owned(),
        format!("  curl -s {base}/v1/admin/audit/events {bearer}"),
        "  # a user of the tenant signs up".to_owned(),
        format!("  curl -s {base}/v1/auth/register {json} \\"),
        "    -d '{\"email\":\"ada@example.org\",\"password\":\"correct horse battery staple\"}'"
            .to_owned(),
    ]
    .join("\n")
}
