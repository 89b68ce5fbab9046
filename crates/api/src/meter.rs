//! What HTTP counts, for whoever watches the server. Every route has its meter before the first request comes, so that counting
//! one looks nothing up; labels are routes as they were declared, never paths.

use keyward_model::{Counters, Gauge, Histogram, HistogramReading};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The statuses that are counted apart; all others are counted together.
const STATUSES: [u16; 24] = [
    200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 406, 408, 409, 410, 412, 413, 415, 422, 429,
    431, 500, 501, 503, 504,
];

/// The meters of all routes.
#[derive(Debug)]
pub(crate) struct HttpMeter {
    routes: Mutex<Vec<Arc<RouteMeter>>>,
    pub(crate) unmatched: Arc<RouteMeter>,
    pub(crate) in_flight: Gauge,
}

/// The meter of one method on one path.
#[derive(Debug)]
pub(crate) struct RouteMeter {
    method: &'static str,
    pattern: &'static str,
    seconds: Histogram,
    /// One for each of [`STATUSES`], and the last for all others.
    statuses: Counters<{ STATUSES.len() + 1 }>,
}

/// What HTTP counted so far.
#[derive(Debug, Clone)]
pub struct HttpReading {
    /// By method and route.
    pub routes: Vec<RouteReading>,
    /// How many requests are being answered.
    pub in_flight: i64,
}

/// What one method on one path counted so far.
#[derive(Debug, Clone)]
pub struct RouteReading {
    /// The method; `any` of requests that no route serves.
    pub method: &'static str,
    /// The path as it was declared, with parameters in braces; `none` where there is none.
    pub pattern: &'static str,
    /// Status and how many answers had it, but for statuses that no answer had; 0 is all that are not counted apart.
    pub statuses: Vec<(u16, u64)>,
    /// How long answers took, from the head of the request to the head of the answer.
    pub seconds: HistogramReading,
}

impl Default for HttpMeter {
    fn default() -> Self {
        Self {
            routes: Mutex::default(),
            unmatched: Arc::new(RouteMeter::new("any", "none")),
            in_flight: Gauge::default(),
        }
    }
}

impl HttpMeter {
    /// The meter of a route, made at the first call.
    pub(crate) fn route(&self, method: &'static str, pattern: &'static str) -> Arc<RouteMeter> {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = routes
            .iter()
            .find(|route| (route.method, route.pattern) == (method, pattern));
        if let Some(known) = known {
            return known.clone();
        }
        let made = Arc::new(RouteMeter::new(method, pattern));
        routes.push(made.clone());
        made
    }

    pub(crate) fn read(&self) -> HttpReading {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let all = routes.iter().chain([&self.unmatched]);
        HttpReading {
            routes: all.map(|route| route.read()).collect(),
            in_flight: self.in_flight.value(),
        }
    }
}

impl RouteMeter {
    fn new(method: &'static str, pattern: &'static str) -> Self {
        Self {
            method,
            pattern,
            seconds: Histogram::of_durations(),
            statuses: Counters::new(),
        }
    }

    /// The path as it was declared.
    pub(crate) fn pattern(&self) -> &'static str {
        self.pattern
    }

    /// Counts an answer.
    pub(crate) fn note(&self, status: u16, took: Duration) {
        let known = STATUSES.iter().position(|known| *known == status);
        self.statuses.increment(known.unwrap_or(STATUSES.len()));
        self.seconds.observe(took);
    }

    fn read(&self) -> RouteReading {
        let all = STATUSES.into_iter().chain([0]).zip(self.statuses.values());
        RouteReading {
            method: self.method,
            pattern: self.pattern,
            statuses: all.filter(|(_, count)| *count > 0).collect(),
            seconds: self.seconds.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HttpMeter;
    use std::time::Duration;

    #[test]
    fn a_route_has_one_meter_and_odd_statuses_are_counted_together() {
        let meter = HttpMeter::default();
        for status in [200, 200, 418, 299] {
            let route = meter.route("GET", "/v1/session");
            route.note(status, Duration::from_micros(80));
        }
        let reading = meter.read();
        assert_eq!(reading.routes.len(), 2, "and what matches no route");
        assert_eq!(reading.routes[0].statuses, [(200, 2), (0, 2)]);
        assert_eq!(reading.routes[0].seconds.count(), 4);
        assert!(reading.routes[1].statuses.is_empty());
    }
}
