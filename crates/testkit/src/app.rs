//! The whole of Keyward on a real listener, with a tenant to begin with.

use crate::client::{Answer, TestClient};
use crate::databases::TestDatabase;
use crate::operator::TestOperator;
use axum::serve::IncomingStream;
use keyward_api::{Api, Edge, service};
use keyward_crypto::{HashCost, PasswordHasher};
use keyward_model::{
    Client, Clock, HostName, Password, Principal, Random, RootKeySecret, SessionId, Slug, TenantId,
    UserId,
};
use keyward_policy::Action;
use keyward_service::tenants::{CreateTenant, create_tenant};
use keyward_service::{
    Cx, HashLimits, HashPool, Parts, Platform, RootKey, Settings, ThrottlingSettings,
};
use serde_json::json;
use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tower::service_fn;

/// The password of everybody whom the app makes.
pub const PASSWORD: &str = "correct horse battery staple";
/// The key that all test databases are sealed under.
pub const ROOT_KEY: [u8; 32] = [0x5e; 32];
/// How passwords are hashed.
const HASHING: HashLimits = HashLimits {
    threads: 2,
    wait_max: Duration::from_secs(5),
};

/// A running server, its database, and its first tenant.
pub struct TestApp {
    /// What it runs on, with the clock and the way around the store.
    pub database: TestDatabase,
    /// The API behind the listener.
    pub api: Api,
    /// The running parts.
    pub platform: Platform,
    /// Where it listens.
    pub address: SocketAddr,
    /// A tenant of this app's own.
    pub tenant: TestTenant,
    http: TestClient,
}

/// What a test may want otherwise.
#[derive(Debug, Clone)]
pub struct TestAppOptions {
    /// What new password hashes cost; the floor unless changed.
    pub hash_cost: HashCost,
    /// How many passwords are hashed at once, and how long one waits.
    pub hashing: HashLimits,
    /// Whether the first tenant is the one of requests that name none.
    pub default_tenant: bool,
    /// What lies between clients and the app: no proxy and no limit unless changed.
    pub edge: Edge,
    /// How many attempts at credentials there may be.
    pub throttling: ThrottlingSettings,
}

/// A tenant with an administrator whose password is [`PASSWORD`].
#[derive(Debug, Clone)]
pub struct TestTenant {
    /// Names it.
    pub id: TenantId,
    /// Its short name.
    pub slug: String,
    /// Its own host, if it has one.
    pub host: Option<String>,
    /// The `iss` of its tokens.
    pub issuer: String,
    /// Its administrator's address.
    pub administrator: String,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct TestUser {
    /// Sends requests with the access token, under the tenant's prefix.
    pub client: TestClient,
    /// Names the user.
    pub id: UserId,
    /// Names the session.
    pub session_id: SessionId,
    /// The whole answer to the sign-in.
    pub answer: Answer,
}

impl TestApp {
    /// Starts one.
    pub async fn start(database: TestDatabase) -> Self {
        Self::start_with(database, |_| {}).await
    }

    /// Starts one with options that the test changes.
    pub async fn start_with(
        database: TestDatabase,
        change: impl FnOnce(&mut TestAppOptions),
    ) -> Self {
        let mut options = TestAppOptions {
            hash_cost: HashCost::default(),
            hashing: HASHING,
            default_tenant: false,
            edge: Edge::default(),
            throttling: ThrottlingSettings::default(),
        };
        change(&mut options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let slug = unique_slug(&database, "first");
        let default_tenant = options.default_tenant.then(|| slug.clone());
        let settings = Settings {
            node_name: "test".to_owned(),
            default_tenant,
            base_url: format!("http://{address}"),
            throttling: options.throttling,
        };
        let platform = platform_on(&database, &options, settings);
        let api = Api::with_edge(platform.clone(), options.edge);
        serve(listener, &api);
        let tenant = make_tenant(&platform, slug, None).await;
        let http = TestClient::new(&database.clock, format!("http://{address}"));
        Self {
            database,
            api,
            platform,
            address,
            tenant,
            http,
        }
    }

    /// Asks the operator plane, as the account `uid 0 (root)`.
    pub fn operator(&self) -> TestOperator {
        TestOperator::new(&self.api, &self.database.clock)
    }

    /// Makes another tenant, whose slug begins with `name`.
    pub async fn new_tenant(&self, name: &str) -> TestTenant {
        make_tenant(&self.platform, unique_slug(&self.database, name), None).await
    }

    /// Makes another tenant that has a host name of its own.
    pub async fn new_tenant_with_host(&self, name: &str) -> TestTenant {
        let slug = unique_slug(&self.database, name);
        let host = format!("{slug}.example").parse().unwrap();
        make_tenant(&self.platform, slug, Some(host)).await
    }

    /// Makes another tenant that takes `host` for its own.
    pub async fn new_tenant_at(&self, name: &str, host: &str) -> TestTenant {
        let slug = unique_slug(&self.database, name);
        make_tenant(&self.platform, slug, Some(parsed(host))).await
    }

    /// Sends requests that name no tenant.
    pub fn bare_client(&self) -> TestClient {
        self.http.clone()
    }

    /// Sends requests under a tenant's prefix.
    pub fn client(&self, tenant: &TestTenant) -> TestClient {
        self.http.under(&format!("/t/{}", tenant.slug))
    }

    /// Makes an account with [`PASSWORD`].
    pub async fn register(&self, tenant: &TestTenant, email: &str) -> Answer {
        let body = json!({ "email": email, "password": PASSWORD });
        let client = self.client(tenant);
        client.post("/v1/auth/register", body).await.expect(201)
    }

    /// Signs in with [`PASSWORD`].
    pub async fn sign_in(&self, tenant: &TestTenant, email: &str) -> TestUser {
        let client = self.client(tenant);
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = client.post("/v1/auth/login", body).await.expect(200);
        TestUser {
            client: client.with_token(answer.text_at("/access_token")),
            id: parsed(answer.text_at("/user/id")),
            session_id: parsed(answer.text_at("/session/id")),
            answer,
        }
    }

    /// Makes an account and signs in to it.
    pub async fn member(&self, tenant: &TestTenant, email: &str) -> TestUser {
        self.register(tenant, email).await;
        self.sign_in(tenant, email).await
    }

    /// Signs a tenant's administrator in.
    pub async fn administrator(&self, tenant: &TestTenant) -> TestUser {
        self.sign_in(tenant, &tenant.administrator).await
    }
}

fn parsed<T: FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A slug that no other tenant has: on PostgreSQL tests share a database.
fn unique_slug(database: &TestDatabase, name: &str) -> Slug {
    let mut bytes = [0; 8];
    database.random.fill(&mut bytes);
    parsed(&format!("{name}-{:016x}", u64::from_le_bytes(bytes)))
}

fn platform_on(database: &TestDatabase, options: &TestAppOptions, settings: Settings) -> Platform {
    let hasher = PasswordHasher::new(options.hash_cost, &database.random).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(database.clock.clone());
    Platform::new(Parts {
        store: database.store.clone(),
        clock: clock.clone(),
        random: Arc::new(database.random.clone()),
        hashing: HashPool::start(hasher, options.hashing, clock).unwrap(),
        root_key: RootKey::new(&RootKeySecret::new(ROOT_KEY.to_vec())).unwrap(),
        breach_list: None,
        countries: None,
        settings,
    })
}

/// Serves as `keyward serve` does, until the test's runtime ends.
fn serve(listener: TcpListener, api: &Api) {
    let service = service(api);
    let make_service = service_fn(move |stream: IncomingStream<'_, TcpListener>| {
        let peer = stream.remote_addr().ip();
        ready(Ok::<_, Infallible>(service.clone().for_peer(peer)))
    });
    tokio::spawn(axum::serve(listener, make_service).into_future());
}

async fn make_tenant(platform: &Platform, slug: Slug, host: Option<HostName>) -> TestTenant {
    let now = platform.now();
    let scope = platform.scope_for_new_tenant();
    let client = Client {
        address: None,
        user_agent: None,
        request_id: platform.mint(now),
    };
    let action = Action::CreateTenant;
    let begun = Cx::begin(platform, (scope, Principal::System), client, action).await;
    let administrator = format!("administrator@{slug}.example");
    let password = Arc::new(Password::chosen(PASSWORD).unwrap());
    let command = CreateTenant {
        slug,
        hosts: host.iter().cloned().collect(),
        issuer: None,
        administrator: Some((parsed(&administrator), password)),
    };
    let tenant = create_tenant(&begun.unwrap(), command).await.unwrap();
    TestTenant {
        id: tenant.id,
        slug: tenant.slug.to_string(),
        host: host.map(|host| host.to_string()),
        issuer: tenant.issuer.to_string(),
        administrator,
    }
}
