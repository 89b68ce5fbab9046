//! `keyward serve`

use super::Failure;
use crate::config::Config;
use crate::demo::{ADMIN_EMAIL, DemoPassword, set_up_once};
use crate::instance::{Access, Instance};
use crate::telemetry;
use axum::ServiceExt;
use axum::extract::Request;
use axum::serve::ListenerExt;
use keyward_api::{Api, service};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    telemetry::start(&config.log)?;
    let instance = Instance::open(config, Access::Change).await?;
    let demo = set_up_once(&instance, config).await?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        Failure::Failed(format!(
            "cannot listen on {} (setting `listen`): {error}",
            config.listen
        ))
    })?;
    greet(config, &instance, listener.local_addr()?, demo);
    let api = Api::new(instance.platform.clone());
    serve(
        listener,
        &api,
        Duration::from_secs(config.shutdown.drain_seconds),
    )
    .await?;
    // The store closes with its last owner, after the last change has run to its end.
    drop((api, instance));
    tracing::info!("stopped");
    Ok(())
}

/// Serves until a signal comes; then takes no more connections and lets those that are open finish, for `drain` at most.
async fn serve(listener: TcpListener, api: &Api, drain: Duration) -> Result<(), Failure> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = listener.tap_io(|stream| {
        // An answer is small and whole: waiting to fill a packet only delays it.
        let _ = stream.set_nodelay(true);
    });
    let make_service =
        ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(service(api));
    let mut until = stopped.clone();
    let serving = axum::serve(listener, make_service).with_graceful_shutdown(async move {
        let _ = until.wait_for(|stop| *stop).await;
    });
    let serving = tokio::spawn(serving.into_future());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!(
        seconds_max = drain.as_secs(),
        "stopping: open requests may finish"
    );
    let _ = stop.send(true);
    let finished = async {
        let _ = serving.await;
        api.drain().await;
    };
    if tokio::time::timeout(drain, finished).await.is_err() {
        tracing::warn!("some requests had not finished in time");
    }
    Ok(())
}

/// Says where it is, and how to begin.
fn greet(config: &Config, instance: &Instance, address: SocketAddr, demo: Option<DemoPassword>) {
    let base = format!("http://{address}");
    let data = config.data.display();
    println!(
        "Keyward {} is ready at {base} ({:?}, data in {data}).",
        env!("CARGO_PKG_VERSION"),
        instance.platform.store()
    );
    println!("The API to read: {base}/docs");
    let password = match &demo {
        None => return,
        Some(DemoPassword::Configured) => "'\"$KEYWARD_DEMO_ADMIN_PASSWORD\"'",
        Some(DemoPassword::Generated(password)) => {
            println!(
                "\nThe tenant `demo` was made, with an administrator. The password is shown this once:\n"
            );
            println!(
                "  e-mail    {ADMIN_EMAIL}\n  password  {}",
                password.as_str()
            );
            password.as_str()
        }
    };
    println!("\nWhat to do next, in another terminal:\n");
    println!("  # sign in, and keep the access token for its five minutes");
    println!("  TOKEN=$(curl -s {base}/v1/auth/login -H 'content-type: application/json' \\");
    println!("    -d '{{\"email\":\"{ADMIN_EMAIL}\",\"password\":\"{password}\"}}' \\");
    println!("    | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')");
    println!("  # who am I?");
    println!("  curl -s {base}/v1/session -H \"authorization: Bearer $TOKEN\"");
    println!("  # what happened so far?");
    println!("  curl -s {base}/v1/admin/audit/events -H \"authorization: Bearer $TOKEN\"");
    println!("  # a user of the tenant signs up");
    println!("  curl -s {base}/v1/auth/register -H 'content-type: application/json' \\");
    println!(
        "    -d '{{\"email\":\"ada@example.org\",\"password\":\"correct horse battery staple\"}}'"
    );
}
