//! What is kept, until when, and that no order of a read and a removal keeps what is over.

use super::{ClientTicket, Found, KnownTenant, Memory, STRIPES, VerifiedToken, lock};
use crate::publishable_keys::TenantNames;
use crate::scope::TenantScope;
use keyward_model::{
    ClientAuthentication, ClientRight, ClientSecrets, ClientStatus, Device, Digest, HostName, Id,
    OAuthClient, Origin, Removal, Role, Route, Session, Tenant, TenantSettings, TenantStatus,
    Timestamp, User, UserStatus,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Weak};
use uuid::Uuid;

const START: Timestamp = Timestamp::from_micros(0);
const ROOM: usize = 1 << 20;
/// Tokens have ids of their own, which share no slot with those of sessions and users.
const TOKENS_FROM: u128 = 300;

fn id<K>(number: u128) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(number))
}

fn token(session: u128, user: u128) -> VerifiedToken {
    let mut digest = [0; 32];
    digest[0] = session as u8;
    digest[8..24].copy_from_slice(&session.to_le_bytes());
    VerifiedToken {
        digest: Digest(digest),
        session_id: id(session),
        user_id: id(user),
        good_from: START,
        expires_at: START.plus_seconds(300),
        id: id(session + TOKENS_FROM),
        client: None,
    }
}

fn found(token: &VerifiedToken) -> Found {
    let session = Session {
        id: token.session_id,
        user_id: token.user_id,
        created_at: START,
        last_active_at: START,
        expires_at: START.plus_seconds(600),
        idle_seconds: 600,
        address: Some("192.0.2.7".to_owned()),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101".to_owned()),
        device: Device::default(),
        ended: None,
        version: 1,
        authenticated_at: START,
        country: None,
    };
    let user = User {
        id: session.user_id,
        email: format!("ada-{}@example.org", token.user_id)
            .parse()
            .unwrap(),
        name: Some("Ada Lovelace".parse().unwrap()),
        role: Role::Member,
        status: UserStatus::Active,
        created_at: START,
        last_sign_in_at: Some(START),
        last_sign_in_address: Some("192.0.2.7".to_owned()),
        deletes_at: None,
        version: 1,
    };
    let tenant = Tenant {
        id: id(7),
        slug: "demo".parse().unwrap(),
        issuer: "https://demo.example".parse().unwrap(),
        status: TenantStatus::Active,
        settings: TenantSettings::default(),
        created_at: START,
        delete_after: None,
        version: 1,
    };
    let names = TenantNames {
        hosts: vec!["demo.example".parse().unwrap()],
        ..TenantNames::default()
    };
    Found {
        session,
        user,
        tenant,
        names,
    }
}

fn scope() -> TenantScope {
    TenantScope::resolved(id(7))
}

fn keep(memory: &Memory, token: VerifiedToken) {
    let ticket = memory.ticket(&scope(), &token, memory.mark(&scope()));
    let _known = memory.keep(ticket, token, found(&token), START);
}

fn knows(memory: &Memory, token: &VerifiedToken) -> bool {
    memory.recall(&token.digest, START).is_some()
}

fn removals_of(token: &VerifiedToken) -> [Removal; 4] {
    [
        Removal::Token(token.id),
        Removal::Session(token.session_id),
        Removal::User(token.user_id),
        Removal::Tenant(id(7)),
    ]
}

#[test]
fn what_a_read_found_is_kept_as_it_was() {
    let (memory, token) = (Memory::new(ROOM), token(1, 10));
    keep(&memory, token);
    let known = memory.recall(&token.digest, START).unwrap();
    let found = found(&token);
    assert_eq!(known.scope(), scope());
    assert_eq!(known.email(), found.user.email.as_given());
    assert_eq!(known.user_name(), Some("Ada Lovelace"));
    assert_eq!(known.user_agent(), found.session.user_agent.as_deref());
    assert_eq!(known.address(), Some("192.0.2.7"));
    assert_eq!(known.last_sign_in_address(), Some("192.0.2.7"));
    assert_eq!(
        (known.device_name(), known.device_fingerprint()),
        (None, None)
    );
    assert_eq!(known.tenant.hosts, found.names.hosts);
}

#[test]
fn a_removal_takes_what_rests_on_it_and_nothing_else() {
    let memory = Memory::new(ROOM);
    let tokens: Vec<_> = (1..=100)
        .map(|number| token(number, 1_000 + number % 2))
        .collect();
    tokens.iter().for_each(|token| keep(&memory, *token));
    memory.remove(Removal::Token(tokens[1].id));
    assert!(!knows(&memory, &tokens[1]));
    keep(
        &memory,
        VerifiedToken {
            id: id(999),
            ..tokens[1]
        },
    );
    memory.remove(Removal::Session(tokens[0].session_id));
    assert!(!knows(&memory, &tokens[0]));
    assert!(tokens[1..].iter().all(|token| knows(&memory, token)));
    memory.remove(Removal::User(tokens[0].user_id));
    for token in &tokens {
        assert_eq!(knows(&memory, token), token.user_id != tokens[0].user_id);
    }
    memory.remove(Removal::Tenant(id(8)));
    assert!(knows(&memory, &tokens[1]), "another tenant's");
    memory.remove(Removal::Tenant(id(7)));
    assert!(!tokens.iter().any(|token| knows(&memory, token)));
}

#[test]
fn asvs_v7_4_1_a_read_that_a_removal_overtook_fills_nothing() {
    for removal in removals_of(&token(1, 10)) {
        let (memory, token) = (Memory::new(ROOM), token(1, 10));
        // Nothing is kept yet that the removal could take away: the ticket alone tells.
        let ticket = memory.ticket(&scope(), &token, memory.mark(&scope()));
        memory.remove(removal);
        let _known = memory.keep(ticket, token, found(&token), START);
        assert!(!knows(&memory, &token), "{removal:?}");
        keep(&memory, token);
        assert!(knows(&memory, &token), "a later read is good");
    }
}

/// What one side does, one step after the other.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    TakeTicket,
    Read,
    Keep,
    Commit,
    Remove,
}

/// Every order in which two sides can take their steps.
fn interleavings(one: &[Step], other: &[Step]) -> Vec<Vec<Step>> {
    let (Some((first, ones)), Some((second, others))) = (one.split_first(), other.split_first())
    else {
        return vec![[one, other].concat()];
    };
    let with = |step: &Step, rest: Vec<Vec<Step>>| {
        rest.into_iter()
            .map(move |rest| [&[*step], rest.as_slice()].concat())
            .collect::<Vec<_>>()
    };
    let mut all = with(first, interleavings(ones, other));
    all.extend(with(second, interleavings(one, others)));
    all
}

#[test]
fn asvs_v7_4_1_in_no_order_does_a_fill_outlive_a_removal() {
    use Step::{Commit, Keep, Read, Remove, TakeTicket};
    let orders = interleavings(&[TakeTicket, Read, Keep], &[Commit, Remove]);
    assert_eq!(orders.len(), 10);
    for removal in removals_of(&token(1, 10)) {
        for order in &orders {
            let (memory, token) = (Memory::new(ROOM), token(1, 10));
            let (mut ticket, mut live, mut seen_live) = (None, true, false);
            for step in order {
                match step {
                    TakeTicket => {
                        ticket = Some(memory.ticket(&scope(), &token, memory.mark(&scope())))
                    }
                    Read => seen_live = live,
                    Keep if seen_live => {
                        let ticket = ticket.take().unwrap();
                        let _known = memory.keep(ticket, token, found(&token), START);
                    }
                    Keep => {}
                    Commit => live = false,
                    Remove => memory.remove(removal),
                }
            }
            assert!(
                !knows(&memory, &token),
                "{removal:?} in the order {order:?}"
            );
        }
    }
}

#[test]
fn asvs_v7_4_1_while_threads_fill_an_answered_removal_is_final() {
    for removal in removals_of(&token(1, 10)) {
        for _ in 0..100 {
            let (memory, token) = (Memory::new(ROOM), token(1, 10));
            let (live, removed) = (AtomicBool::new(true), AtomicBool::new(false));
            let barrier = Barrier::new(3);
            let fill = || {
                barrier.wait();
                for _ in 0..100 {
                    let is_over = removed.load(Ordering::SeqCst);
                    assert!(!(is_over && knows(&memory, &token)), "{removal:?}");
                    let ticket = memory.ticket(&scope(), &token, memory.mark(&scope()));
                    if live.load(Ordering::SeqCst) {
                        let _known = memory.keep(ticket, token, found(&token), START);
                    }
                }
            };
            std::thread::scope(|threads| {
                threads.spawn(fill);
                threads.spawn(fill);
                barrier.wait();
                std::thread::yield_now();
                live.store(false, Ordering::SeqCst);
                memory.remove(removal);
                removed.store(true, Ordering::SeqCst);
                assert!(!knows(&memory, &token), "{removal:?}");
            });
            assert!(!knows(&memory, &token), "{removal:?}");
        }
    }
}

#[test]
fn everything_can_be_forgotten_also_what_is_being_read() {
    let (memory, token) = (Memory::new(ROOM), token(1, 10));
    let ticket = memory.ticket(&scope(), &token, memory.mark(&scope()));
    memory.forget_all();
    let _known = memory.keep(ticket, token, found(&token), START);
    assert!(!knows(&memory, &token));
    keep(&memory, token);
    memory.forget_all();
    assert!(!knows(&memory, &token));
    assert_eq!(memory.size(), (0, 0));
}

#[test]
fn memory_is_bounded_in_bytes_and_what_was_used_stays_longest() {
    let bytes_max = STRIPES * 20_000;
    let memory = Memory::new(bytes_max);
    let favourite = token(1, 1);
    keep(&memory, favourite);
    for number in 2..=20_000 {
        keep(&memory, token(number, number));
        assert!(knows(&memory, &favourite), "gone after {number}");
    }
    let (length, bytes) = memory.size();
    assert!(bytes <= bytes_max, "{bytes}");
    assert!(bytes > bytes_max / 10 * 9, "{bytes}");
    assert!(bytes / length <= 450, "{} bytes each", bytes / length);
}

#[test]
fn the_room_of_what_is_over_is_used_again() {
    let memory = Memory::new(1 << 24);
    // One session, renewed for ever: each of its tokens is forgotten soon after it has ended.
    for round in 0..20_000_u32 {
        let now = START.plus_seconds(i64::from(round));
        let mut token = token(1, 10);
        token.digest.0[..4].copy_from_slice(&round.to_le_bytes());
        token.digest.0[8..12].copy_from_slice(&round.to_le_bytes());
        (token.good_from, token.expires_at) = (now, now.plus_seconds(300));
        let ticket = memory.ticket(&scope(), &token, memory.mark(&scope()));
        let _known = memory.keep(ticket, token, found(&token), now);
    }
    let (length, _) = memory.size();
    assert!((300..=900).contains(&length), "{length}");
}

#[test]
fn without_room_nothing_is_kept() {
    let memory = Memory::new(0);
    keep(&memory, token(1, 10));
    assert!(!knows(&memory, &token(1, 10)));
    let host: HostName = "id.example".parse().unwrap();
    memory.keep_shared_host(memory.route_ticket(), &host);
    assert!(!memory.is_shared_host(&host));
    let slug = Route::Slug("acme".parse().unwrap());
    memory.keep_route(memory.route_ticket(), slug.clone(), scope());
    assert_eq!(memory.recall_routes(&[slug]), None);
}

#[test]
fn a_token_is_good_from_its_beginning_to_its_end() {
    let (memory, mut token) = (Memory::new(ROOM), token(1, 10));
    token.good_from = START.plus_seconds(1);
    keep(&memory, token);
    let recall = |seconds| {
        memory
            .recall(&token.digest, START.plus_seconds(seconds))
            .is_some()
    };
    assert_eq!([0, 1, 299, 300].map(recall), [false, true, true, false]);
}

#[test]
fn a_name_leads_to_its_tenant_until_any_tenant_changes() {
    let memory = Memory::new(ROOM);
    let slug = |name: String| Route::Slug(name.parse().unwrap());
    let (named, other) = (slug("acme".into()), slug("other".into()));
    let leads = |names: &[&Route]| {
        let names: Vec<Route> = names.iter().map(|name| (*name).clone()).collect();
        memory.recall_routes(&names)
    };
    memory.keep_route(memory.route_ticket(), named.clone(), scope());
    assert_eq!(leads(&[&named]), Some(vec![Some(scope())]));
    assert_eq!(leads(&[&named, &other]), None, "one of them is to be asked");
    memory.remove(Removal::User(id(1)));
    assert!(leads(&[&named]).is_some());

    let shared: HostName = "id.example".parse().unwrap();
    memory.keep_shared_host(memory.route_ticket(), &shared);
    let shared = Route::Host(shared);
    assert_eq!(leads(&[&shared, &named]), Some(vec![None, Some(scope())]));

    let overtaken = memory.route_ticket();
    memory.remove(Removal::Tenant(id(7)));
    assert_eq!(leads(&[&named]), None);
    memory.keep_route(overtaken, named.clone(), scope());
    assert_eq!(leads(&[&named]), None, "a look-up that the change overtook");
    memory.keep_route(memory.route_ticket(), other.clone(), scope());
    assert_eq!(leads(&[&named]), None, "what was forgotten stays so");
    assert!(leads(&[&other]).is_some());
    memory.forget_all();
    assert_eq!(leads(&[&other]), None);
}

#[test]
fn a_name_is_asked_for_whose_tenant_refuses_its_users_or_that_is_a_client() {
    let memory = Memory::new(ROOM);
    let slug = Route::Slug("acme".parse().unwrap());
    let suspended = TenantScope::routed(scope().tenant_id(), TenantStatus::Suspended);
    memory.keep_route(memory.route_ticket(), slug.clone(), suspended);
    let client = Route::OAuthClient(id(9));
    memory.keep_route(memory.route_ticket(), client.clone(), scope());
    for name in [slug, client] {
        assert_eq!(memory.recall_routes(&[name]), None);
    }
}

#[test]
fn of_names_that_lead_somewhere_a_bounded_number_is_kept() {
    let memory = Memory::new(ROOM);
    let name = |number: usize| Route::Slug(format!("tenant-{number}").parse().unwrap());
    for number in 0..10_000 {
        memory.keep_route(memory.route_ticket(), name(number), scope());
    }
    let kept = (0..10_000).filter(|number| memory.recall_routes(&[name(*number)]).is_some());
    assert!((1..=4_096).contains(&kept.count()));
}

#[test]
fn a_shared_host_is_shared_until_any_tenant_changes() {
    let memory = Memory::new(ROOM);
    let [shared, other]: [HostName; 2] =
        ["id.example", "other.example"].map(|host| host.parse().unwrap());
    memory.keep_shared_host(memory.route_ticket(), &shared);
    assert!(memory.is_shared_host(&shared) && !memory.is_shared_host(&other));
    memory.remove(Removal::User(id(1)));
    assert!(memory.is_shared_host(&shared));
    let overtaken = memory.route_ticket();
    memory.remove(Removal::Tenant(id(1)));
    assert!(!memory.is_shared_host(&shared));
    memory.keep_shared_host(overtaken, &shared);
    assert!(
        !memory.is_shared_host(&shared),
        "a look-up that the change overtook"
    );
    memory.keep_shared_host(memory.route_ticket(), &shared);
    for number in 0..200 {
        let made_up = format!("made-up-{number}.example").parse().unwrap();
        memory.keep_shared_host(memory.route_ticket(), &made_up);
    }
    assert!(!memory.is_shared_host(&shared), "a few are kept, not all");
}

#[test]
fn asvs_v9_1_1_a_token_whose_verification_a_revoked_key_overtook_is_not_kept() {
    let memory = Memory::new(ROOM);
    let token = token(1, 10);
    for removal in [Removal::Tenant(id(7)), Removal::Tenant(id(8))] {
        // The key is read, and then revoked; only then is the session read.
        let mark = memory.mark(&scope());
        memory.remove(removal);
        let ticket = memory.ticket(&scope(), &token, mark);
        memory.keep(ticket, token, found(&token), START);
        let kept = memory.recall(&token.digest, START).is_some();
        assert_eq!(kept, removal == Removal::Tenant(id(8)), "{removal:?}");
        memory.forget_all();
    }
}

/// A tenant that changed for the `round`th time, with about a hundred kilobytes of keys and origins.
fn changed(token: &VerifiedToken, round: usize) -> Found {
    let mut found = found(token);
    let origin = |number| {
        let text = format!("https://{round}-{number}.{}.example", "x".repeat(60));
        text.parse().unwrap()
    };
    found.names.origins = (0..1_000).map(origin).collect();
    found
}

#[test]
fn asvs_v15_2_2_however_often_a_tenants_names_change_memory_is_bounded() {
    let memory = Memory::new(ROOM);
    let mut alive = Vec::new();
    for round in 0..200 {
        let token = token(round as u128 + 1, 10);
        let ticket = memory.ticket(&scope(), &token, memory.mark(&scope()));
        let known = memory.keep(ticket, token, changed(&token, round), START);
        let origin = changed(&token, round).names.origins[7].clone();
        assert!(known.tenant.allows_origin(&origin), "its own read says so");
        alive.push((origin, Arc::downgrade(&known.tenant)));
    }
    let (_, session_bytes) = memory.size();
    let pooled = lock(&memory.tenants).bytes();
    assert!(
        session_bytes <= ROOM && pooled <= ROOM / 8,
        "{session_bytes} {pooled}"
    );
    let (_, newest) = alive.pop().unwrap();
    assert!(newest.upgrade().is_some());
    let names_of = |(origin, tenant): &(Origin, Weak<KnownTenant>)| {
        let tenant = tenant.upgrade();
        tenant.is_some_and(|tenant| tenant.allows_origin(origin))
    };
    let old = alive.iter().filter(|one| names_of(one)).count();
    assert_eq!(old, 0, "names from before a change are gone");
}

#[test]
fn names_that_do_not_fit_are_paid_for_by_their_session() {
    let memory = Memory::new(ROOM);
    for number in 1..=200 {
        let token = token(number, 10);
        let mut found = changed(&token, 1);
        found.tenant.id = id(1_000 + number);
        let scope = TenantScope::resolved(found.tenant.id);
        let ticket = memory.ticket(&scope, &token, memory.mark(&scope));
        let _known = memory.keep(ticket, token, found, START);
    }
    let (sessions, session_bytes) = memory.size();
    let pooled = lock(&memory.tenants).bytes();
    assert!(
        session_bytes <= ROOM && pooled <= ROOM / 8,
        "{session_bytes} {pooled}"
    );
    assert!(
        sessions <= 2,
        "one that does not fit is not kept: {sessions}"
    );
}

#[test]
fn a_read_that_a_change_overtook_takes_no_names_from_later_ones() {
    let memory = Memory::new(ROOM);
    let (early, late) = (token(1, 10), token(2, 10));
    let ticket = memory.ticket(&scope(), &early, memory.mark(&scope()));
    memory.remove(Removal::Tenant(id(7)));
    let later = memory.ticket(&scope(), &late, memory.mark(&scope()));
    let known = memory.keep(later, late, changed(&late, 2), START);
    let origin = changed(&late, 2).names.origins[0].clone();
    let overtaken = memory.keep(ticket, early, changed(&early, 1), START);
    assert!(known.tenant.allows_origin(&origin));
    assert!(!overtaken.tenant.allows_origin(&origin));
}

fn client() -> OAuthClient {
    OAuthClient {
        id: id(900),
        name: "Shop".parse().unwrap(),
        authentication: ClientAuthentication::ClientSecretBasic,
        rights: [ClientRight::Introspect].into_iter().collect(),
        status: ClientStatus::Active,
        secrets: ClientSecrets::default(),
        keys: vec![],
        created_at: START,
        version: 1,
    }
}

fn keep_client(memory: &Memory, ticket: ClientTicket) {
    let found = found(&token(1, 10));
    let _known = memory.keep_client(ticket, client(), (found.tenant, found.names));
}

#[test]
fn a_client_is_known_until_it_or_its_tenant_is_removed() {
    let memory = Memory::new(ROOM);
    let fill = || keep_client(&memory, memory.client_ticket(&scope(), id(900)));
    let knows = || memory.recall_client(id(900)).is_some();
    assert!(!knows());
    for removal in [Removal::Client(id(900)), Removal::Tenant(id(7))] {
        fill();
        assert_eq!(memory.recall_client(id(900)).unwrap().client, client());
        memory.remove(Removal::Client(id(901)));
        assert!(knows(), "another client was removed");
        memory.remove(removal);
        assert!(!knows(), "{removal:?}");
    }
    fill();
    memory.forget_all();
    assert!(!knows());
}

#[test]
fn a_client_that_was_read_before_a_removal_is_not_kept_after_it() {
    let memory = Memory::new(ROOM);
    for removal in [Removal::Client(id(900)), Removal::Tenant(id(7))] {
        let ticket = memory.client_ticket(&scope(), id(900));
        memory.remove(removal);
        keep_client(&memory, ticket);
        assert!(memory.recall_client(id(900)).is_none(), "{removal:?}");
    }
    let nothing = Memory::new(0);
    keep_client(&nothing, nothing.client_ticket(&scope(), id(900)));
    assert!(nothing.recall_client(id(900)).is_none(), "of no bytes");
}
