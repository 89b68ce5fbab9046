use super::buckets::Buckets;
use super::{InvalidRateLimit, Kind, RateLimit, RateLimiter, RateLimits, Standing};
use axum::http::HeaderMap;
use keyward_model::{Client, Id, Timestamp};
use proptest::prelude::any;
use proptest::{prop_assert, proptest};
use std::collections::HashMap;
use std::sync::Arc;

fn limit(requests_per_minute: u32, burst: u32) -> RateLimit {
    RateLimit::new(requests_per_minute, burst).unwrap().unwrap()
}

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + micros)
}

fn from(address: &str) -> Client {
    Client {
        address: Some(address.parse().unwrap()),
        user_agent: None,
        request_id: Id::from_uuid(uuid::Uuid::nil()),
    }
}

/// How many of `count` requests are taken at one moment.
fn taken_of(buckets: &Buckets, caller: u128, count: usize, now: Timestamp) -> usize {
    let standings = (0..count).map(|_| buckets.take(caller, now));
    standings.filter(|standing| !standing.is_refused()).count()
}

fn field(standing: Standing, name: &str) -> String {
    let mut headers = HeaderMap::new();
    standing.add_to(&mut headers);
    let value = headers.get(name).map(|value| value.to_str().unwrap());
    value.unwrap_or_default().to_owned()
}

#[test]
fn a_burst_is_taken_at_once_and_then_the_rate() {
    let buckets = Buckets::of_size(Kind::Network, limit(60, 5), 4);
    assert_eq!(taken_of(&buckets, 1, 9, at(0)), 5);
    assert_eq!(taken_of(&buckets, 1, 1, at(999_999)), 0);
    assert_eq!(taken_of(&buckets, 1, 9, at(1_000_000)), 1);
    assert_eq!(taken_of(&buckets, 1, 9, at(4_000_000)), 3);
    assert_eq!(taken_of(&buckets, 1, 9, at(60_000_000)), 5);
    assert_eq!(taken_of(&buckets, 2, 9, at(0)), 5, "others are not touched");
}

#[test]
fn the_fields_tell_a_client_where_it_stands() {
    let buckets = Buckets::of_size(Kind::Network, limit(30, 3), 4);
    let first = buckets.take(1, at(0));
    assert_eq!(field(first, "ratelimit-policy"), r#""network";q=3;w=6"#);
    assert_eq!(field(first, "ratelimit"), r#""network";r=2;t=2"#);
    assert_eq!(field(first, "retry-after"), "");
    taken_of(&buckets, 1, 2, at(0));
    let refused = buckets.take(1, at(500_000));
    assert_eq!(field(refused, "ratelimit"), r#""network";r=0;t=6"#);
    assert_eq!(field(refused, "retry-after"), "2");
    // Who waits as long as it was told is let in.
    assert!(!buckets.take(1, at(2_500_000)).is_refused());
}

#[test]
fn the_longest_fields_fit() {
    let buckets = Buckets::of_size(Kind::Session, limit(1, 1_000_000), 1);
    let standing = buckets.take(1, at(0));
    assert_eq!(
        field(standing, "ratelimit-policy"),
        r#""session";q=1000000;w=60000000"#
    );
    assert_eq!(field(standing, "ratelimit"), r#""session";r=999999;t=60"#);
}

#[test]
fn what_is_given_back_can_be_taken_again() {
    let buckets = Buckets::of_size(Kind::Network, limit(60, 2), 4);
    for _ in 0..50 {
        assert!(!buckets.take(1, at(0)).is_refused());
        buckets.give_back(1);
    }
    assert_eq!(taken_of(&buckets, 1, 9, at(0)), 2);
    buckets.give_back(2);
    assert_eq!(taken_of(&buckets, 1, 9, at(0)), 0, "it was somebody else's");
}

#[test]
fn a_clock_that_is_put_back_locks_nobody_out() {
    let buckets = Buckets::of_size(Kind::Network, limit(60, 5), 4);
    assert_eq!(taken_of(&buckets, 1, 9, at(0)), 5);
    let day = 86_400_000_000;
    assert_eq!(taken_of(&buckets, 1, 9, at(-day)), 0);
    assert_eq!(taken_of(&buckets, 1, 9, at(-day + 5_000_000)), 5);
}

#[test]
fn asvs_v15_3_4_a_network_is_an_ipv4_address_or_an_ipv6_subscriber() {
    let limiter = RateLimiter::new(RateLimits {
        network: Some(limit(60, 1)),
        session: None,
    });
    let taken = |address: &str| {
        let standing = limiter.take_from_network(&from(address), at(0)).unwrap();
        !standing.is_refused()
    };
    assert!(taken("192.0.2.1"));
    assert!(!taken("::ffff:192.0.2.1"), "the same, written otherwise");
    assert!(taken("192.0.2.2"));
    assert!(taken("2001:db8::1"));
    assert!(!taken("2001:db8::ffff:ffff:ffff:ffff"));
    assert!(taken("2001:db8:0:1::1"));
    let session = Id::from_uuid(uuid::Uuid::from_u128(1));
    assert_eq!(
        limiter.take_from_session(session, at(0)),
        None,
        "not limited"
    );
    let mut local = from("192.0.2.1");
    local.address = None;
    assert_eq!(
        limiter.take_from_network(&local, at(0)),
        None,
        "a Unix socket"
    );
}

#[test]
fn limits_that_cannot_be_kept_are_refused() {
    assert_eq!(RateLimit::new(0, 0), Ok(None));
    assert_eq!(RateLimit::new(60, 0), Err(InvalidRateLimit::Burst));
    assert_eq!(RateLimit::new(60, 1_000_001), Err(InvalidRateLimit::Burst));
    assert_eq!(
        RateLimit::new(60_000_001, 1),
        Err(InvalidRateLimit::TooFast)
    );
    assert!(RateLimit::new(60_000_000, 1).unwrap().is_some());
}

#[test]
fn a_flood_of_others_gives_nobody_a_new_burst() {
    // One set, so that everybody pushes everybody out.
    let buckets = Buckets::of_size(Kind::Network, limit(60, 10), 1);
    let mut taken = taken_of(&buckets, 1, 20, at(0));
    for round in 1..100 {
        for other in 2..200 {
            buckets.take(other, at(round));
        }
        taken += taken_of(&buckets, 1, 20, at(round));
    }
    assert_eq!(taken, 10);
}

#[test]
fn threads_together_get_no_more_than_one_alone() {
    let buckets = Arc::new(Buckets::of_size(Kind::Network, limit(60, 100), 4));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let buckets = buckets.clone();
            std::thread::spawn(move || taken_of(&buckets, 1, 1_000, at(0)))
        })
        .collect();
    let taken: usize = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert_eq!(taken, 100);
}

proptest! {
    /// Never more than burst + rate · t in any window, for any caller, however few slots they share. What was given back
    /// does not count.
    #[test]
    fn no_window_holds_more_than_the_burst_and_the_rate(
        rate in 1_u32..6_000,
        burst in 1_u32..20,
        sets in 1_usize..3,
        requests in proptest::collection::vec((0_u128..24, 0_i64..2_000_000, any::<bool>()), 1..400),
    ) {
        let limit = limit(rate, burst);
        let buckets = Buckets::of_size(Kind::Network, limit, sets);
        let mut taken: HashMap<u128, Vec<i64>> = HashMap::new();
        let mut now = 0;
        for (caller, pause, gives_back) in requests {
            now += pause / 16;
            if buckets.take(caller, at(now)).is_refused() {
                continue;
            }
            match gives_back {
                true => buckets.give_back(caller),
                false => taken.entry(caller).or_default().push(now),
            }
        }
        for moments in taken.values() {
            for (first, begin) in moments.iter().enumerate() {
                for (last, end) in moments.iter().enumerate().skip(first) {
                    let count = (last - first + 1) as i64;
                    let allowed = i64::from(burst) + (end - begin) / limit.interval_micros();
                    prop_assert!(count <= allowed, "{count} of {allowed} in {begin}..{end}");
                }
            }
        }
    }

    /// A caller that keeps its rate is never refused while its set has room.
    #[test]
    fn who_keeps_the_rate_is_never_refused(rate in 1_u32..6_000, burst in 1_u32..20, count in 1_i64..200) {
        let limit = limit(rate, burst);
        let buckets = Buckets::of_size(Kind::Session, limit, 1);
        for number in 0..count {
            let standing = buckets.take(7, at(number * limit.interval_micros()));
            prop_assert!(!standing.is_refused());
        }
    }
}
