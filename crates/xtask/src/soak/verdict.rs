//! [`Check`]: one thing that has to hold after a soak, and whether it does. All bounds are here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::gauge::{GAUGES, Gauge, Sample};
use crate::publication::digits;

/// How much more may be alive on the heap than after the reference cycle. In pieces, nearly nothing: that is what shows a leak.
/// In bytes, a twentieth of what there is at the height of a cycle: a hash table that many have come into and left may double once,
/// however late.
const HEAP_GROWTH_BLOCKS: u64 = 64;
const HEAP_GROWTH_BYTES: u64 = 64 * 1024;
const HEAP_GROWTH_OF_PEAK: u64 = 20;

/// How much more memory may be resident than after the reference cycle, or on an average of the second half of the cycles than of the
/// first.
const RESIDENT_GROWTH: f64 = 0.05;

/// From how many cycles on there is a trend to speak of, where resident memory goes up and down.
pub(super) const CYCLES_OF_A_TREND: usize = 40;

/// How much memory a server may take at most while everybody comes back, against what it took with all of them before.
const STORM_MEMORY: f64 = 1.5;

/// How long it may take until everybody is back: the reference's longest delay between two attempts is 5 s, half more by chance.
const STORM_SECONDS: f64 = 60.0;

/// What the behaviours are there to run into; each has to have bitten.
const DEADLINES: [&str; 6] = [
    "upgrade_timeouts",
    "connect_timeouts",
    "ack_timeouts",
    "closed_ping_timeout",
    "slow_clients_disconnected",
    "joins_refused",
];

/// One thing that has to hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) is_met: bool,
    pub(super) detail: String,
}

impl Check {
    fn new(name: impl Into<String>, is_met: bool, detail: impl Into<String>) -> Self {
        Self { name: name.into(), is_met, detail: detail.into() }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({ "name": self.name, "is_met": self.is_met, "detail": self.detail })
    }
}

/// Everything that is counted is what it was before the first cycle, after each of them.
pub(super) fn returns(base: &Sample, rests: &[Sample]) -> Vec<Check> {
    let exact = GAUGES.into_iter().filter(|gauge| gauge.is_exact());
    let check = |gauge: Gauge| {
        let was = base.get(gauge);
        let wrong = rests.iter().zip(1..).find(|(rest, _)| rest.get(gauge) != was);
        let detail = match wrong {
            None => format!("{was} before, and after each of {} cycles", rests.len()),
            Some((rest, cycle)) => format!("{was} before, {} after cycle {cycle}", rest.get(gauge)),
        };
        Check::new(format!("{} return", gauge.title()), !rests.is_empty() && wrong.is_none(), detail)
    };
    exact.map(check).collect()
}

/// Memory is what it was after the second cycle, or after the first of two. Not what it was before: tables do not shrink, and the
/// allocator keeps what it may need again, of which the first cycle leaves less than any other, since it finds a heap without holes.
pub(super) fn memory(rests: &[Sample], peak_heap_bytes: u64) -> Vec<Check> {
    let heap_growth = HEAP_GROWTH_BYTES + peak_heap_bytes / HEAP_GROWTH_OF_PEAK;
    vec![
        bounded(rests, Gauge::HeapBytes, |then| then + heap_growth),
        bounded(rests, Gauge::HeapBlocks, |then| then + HEAP_GROWTH_BLOCKS),
    ]
}

/// Resident memory is what it was after that same cycle: where each cycle fills the heap and empties it.
pub(super) fn resident(rests: &[Sample]) -> Check {
    bounded(rests, Gauge::ResidentBytes, |then| (then as f64 * (1.0 + RESIDENT_GROWTH)) as u64)
}

/// Resident memory has no trend: where some stay while others come and go, and the allocator can give back only what is above the
/// highest of those that stay, which are others each time. `None` of too few cycles to tell.
pub(super) fn resident_trend(rests: &[Sample]) -> Option<Check> {
    if rests.len() < CYCLES_OF_A_TREND {
        return None;
    }
    let (first, second) = rests.split_at(rests.len() / 2);
    let mean = |half: &[Sample]| {
        half.iter().map(|rest| rest.get(Gauge::ResidentBytes) as f64).sum::<f64>() / half.len() as f64 / 1e6
    };
    let (first, second) = (mean(first), mean(second));
    let most = first * (1.0 + RESIDENT_GROWTH);
    let detail = format!(
        "{} MB on an average of the first half of the cycles, {} MB of the second; bound {} MB",
        digits(first),
        digits(second),
        digits(most)
    );
    Some(Check::new("resident memory has no trend", second <= most, detail))
}

fn bounded(rests: &[Sample], gauge: Gauge, bound: impl Fn(u64) -> u64) -> Check {
    let name = format!("{} do not grow", gauge.title()).replace("memory do", "memory does");
    let cycle = if rests.len() > 2 { 2 } else { 1 };
    let (Some(then), [_, ..]) = (rests.get(cycle - 1), rests.get(cycle..).unwrap_or_default()) else {
        return Check::new(name, false, "there are no cycles to compare");
    };
    let later = || rests.iter().skip(cycle).map(|rest| rest.get(gauge));
    let (then, most, last) = (then.get(gauge), later().max().unwrap_or(0), later().next_back().unwrap_or(0));
    let bound = bound(then);
    let detail = format!("{then} after cycle {cycle}; later at most {most}, and {last} at last; bound {bound}");
    Check::new(name, most <= bound, detail)
}

/// The well-behaved have lost nothing, and nobody who is to be treated in some way was not.
pub(super) fn clients(bursts: &[Value], ever: &BTreeMap<String, u64>) -> Vec<Check> {
    let mut checks = Vec::new();
    let steady = bursts.last().map_or(&Value::Null, |burst| &burst["steady"]);
    let number = |name: &str| steady[name].as_u64();
    let (asked, answered) = (number("asked"), number("answered"));
    let detail = format!("{} questions, {} answers", asked.unwrap_or(0), answered.unwrap_or(0));
    checks.push(Check::new("the well-behaved get every answer", asked > Some(0) && asked == answered, detail));
    for (name, what) in [
        ("out_of_order", "answers come in their order"),
        ("disconnected", "the well-behaved stay connected"),
        ("casts_missed", "members of a busy room miss nothing"),
    ] {
        let detail = number(name).map_or_else(|| "not counted".to_owned(), |count| format!("{count} exceptions"));
        let is_met = number(name) == Some(0) && (name != "casts_missed" || number("casts") > Some(0));
        checks.push(Check::new(what, is_met, detail));
    }
    let mut faults = BTreeMap::new();
    for (name, clients) in bursts.iter().filter_map(|burst| burst["clients"].as_object()).flatten() {
        for (fault, count) in clients["faults"].as_object().into_iter().flatten() {
            *faults.entry(format!("{name}: {fault}")).or_default() += count.as_u64().unwrap_or(1);
        }
    }
    let words: Vec<String> = faults.iter().map(|(fault, count): (_, &u64)| format!("{count} × {fault}")).collect();
    let detail = if words.is_empty() { "as they should be".to_owned() } else { words.join("; ") };
    checks.push(Check::new("all others are treated as they should", faults.is_empty(), detail));
    let count = |name: &str| ever.get(name).copied().unwrap_or(0);
    let words: Vec<String> = DEADLINES.iter().map(|name| format!("{name} {}", count(name))).collect();
    let has_bitten = DEADLINES.iter().all(|name| count(name) > 0);
    checks.push(Check::new("each deadline and bound was met", has_bitten, words.join(", ")));
    checks.push(Check::new("nothing panicked", count("handler_panics") == 0, format!("{}", count("handler_panics"))));
    checks
}

/// Everybody is back, and the server has not grown over it.
pub(super) fn storm(back: &Value, before: &Sample, peak_resident_bytes: u64) -> Vec<Check> {
    let (clients, answered) = (back["clients"].as_u64(), back["answered"].as_u64());
    let seconds = back["seconds"].as_f64().unwrap_or(f64::INFINITY);
    let there = before.get(Gauge::Sockets);
    let detail =
        format!("{there} connected before, {} after, {} answered", clients.unwrap_or(0), answered.unwrap_or(0));
    let is_met = there > 0 && clients == Some(there) && answered == Some(there);
    let ratio = peak_resident_bytes as f64 / before.get(Gauge::ResidentBytes) as f64;
    let megabytes = |bytes: u64| digits(bytes as f64 / 1e6);
    let memory = format!(
        "at most {} MB while they came back, {} MB with the same clients before: {} times, bound {STORM_MEMORY}",
        megabytes(peak_resident_bytes),
        megabytes(before.get(Gauge::ResidentBytes)),
        digits(ratio),
    );
    vec![
        Check::new("all are back", is_met, detail),
        Check::new("they are back in time", seconds <= STORM_SECONDS, format!("{} s", digits(seconds))),
        Check::new("the server's memory is bounded", ratio <= STORM_MEMORY, memory),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(tasks: u64, heap: u64, resident: u64) -> Sample {
        let mut sample = Sample::default();
        sample.set(Gauge::Tasks, tasks);
        sample.set(Gauge::HeapBytes, heap);
        sample.set(Gauge::ResidentBytes, resident);
        sample
    }

    fn failed(checks: &[Check]) -> Vec<&str> {
        checks.iter().filter(|check| !check.is_met).map(|check| &*check.name).collect()
    }

    #[test]
    fn one_task_that_is_left_in_one_cycle_fails() {
        let base = sample(5, 0, 0);
        assert!(failed(&returns(&base, &[base, base])).is_empty());
        let checks = returns(&base, &[base, sample(6, 0, 0), base]);
        assert_eq!(failed(&checks), ["tasks return"]);
        assert_eq!(checks[0].detail, "5 before, 6 after cycle 2");
        assert_eq!(failed(&returns(&base, &[])).len(), checks.len(), "nothing was seen to return");
    }

    #[test]
    fn memory_may_not_grow_from_the_second_cycle_on() {
        let (small, then) = (sample(0, 500_000, 5_000_000), sample(0, 1_000_000, 10_000_000));
        let judge = |rests: &[Sample]| {
            let mut checks = memory(rests, 200_000);
            checks.push(resident(rests));
            failed(&checks).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let more = |heap, resident| judge(&[small, then, sample(0, heap, resident), then]);
        assert!(more(1_070_000, 10_400_000).is_empty());
        assert!(more(500_000, 5_000_000).is_empty(), "less is no leak");
        let all = ["heap bytes alive do not grow", "resident memory does not grow"];
        assert_eq!(more(1_080_000, 10_600_000), all);
        assert_eq!(judge(&[small, then]), all, "of two, the second is compared with the first");
        assert_eq!(judge(&[then]).len(), 3, "one cycle has nothing to be compared with");
        let mut pieces = then;
        pieces.set(Gauge::HeapBlocks, 65);
        assert_eq!(judge(&[then, then, pieces]), ["heap allocations alive do not grow"]);
    }

    #[test]
    fn resident_memory_may_go_up_and_down_but_not_up() {
        let rests = |growth: u64| -> Vec<Sample> {
            (0..100).map(|cycle| sample(0, 0, 10_000_000 + cycle % 3 * 2_000_000 + cycle * growth)).collect()
        };
        assert_eq!(resident_trend(&rests(0)).map(|check| check.is_met), Some(true));
        assert_eq!(resident_trend(&rests(20_000)).map(|check| check.is_met), Some(false));
        assert_eq!(resident_trend(&rests(0)[..CYCLES_OF_A_TREND - 1]), None);
    }

    #[test]
    fn a_lost_answer_a_fault_and_a_deadline_that_nobody_met_each_fail() {
        let burst = |answered: u64, faults: Value| {
            json!({
                "clients": { "kill": { "clients": 4, "faults": faults } },
                "steady": { "asked": 9, "answered": answered, "out_of_order": 0, "disconnected": 0, "casts_missed": 0, "casts": 1 },
            })
        };
        let ever: BTreeMap<String, u64> = DEADLINES.iter().map(|name| ((*name).to_owned(), 1)).collect();
        assert!(failed(&clients(&[burst(9, json!({}))], &ever)).is_empty());
        assert_eq!(failed(&clients(&[burst(8, json!({}))], &ever)), ["the well-behaved get every answer"]);
        let checks = clients(&[burst(9, json!({ "odd": 2 })), burst(9, json!({}))], &ever);
        assert_eq!(failed(&checks), ["all others are treated as they should"]);
        assert!(checks.iter().any(|check| check.detail == "2 × kill: odd"));
        assert_eq!(failed(&clients(&[burst(9, json!({}))], &BTreeMap::new())), ["each deadline and bound was met"]);
        assert_eq!(failed(&clients(&[], &ever)).len(), 4, "without a burst nobody was seen to fare well");
    }

    #[test]
    fn who_is_not_back_and_what_grew_meanwhile_fails() {
        let mut before = sample(0, 0, 10_000_000);
        before.set(Gauge::Sockets, 3);
        let back = |clients: u64| json!({ "clients": clients, "answered": clients, "seconds": 4.0 });
        assert!(failed(&storm(&back(3), &before, 14_000_000)).is_empty());
        assert_eq!(failed(&storm(&back(2), &before, 14_000_000)), ["all are back"]);
        assert_eq!(failed(&storm(&back(3), &before, 16_000_000)), ["the server's memory is bounded"]);
    }
}
