//! [`Report`]: all courses, as JSON, as text, and as a page.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use super::{
    chart::{Line, chart},
    course::{Course, Rest},
    gauge::{GAUGES, Gauge, Sample},
};
use crate::publication::{self, digits, escape, facts};

/// The most cycles that a table has; of more, every other one is left out, or more than that.
const MOST_ROWS: usize = 25;

/// Everything that was soaked.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) machine: Value,
    pub(super) settings: Value,
    pub(super) courses: Vec<Course>,
}

impl Report {
    pub(super) fn is_passed(&self) -> bool {
        !self.courses.is_empty() && self.courses.iter().all(Course::is_passed)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "machine": self.machine,
            "settings": self.settings,
            "is_passed": self.is_passed(),
            "courses": self.courses.iter().map(Course::to_json).collect::<Vec<_>>(),
        })
    }

    /// The page.
    pub(super) fn page(&self) -> String {
        let mut body = "<p>A server is treated as the worst of networks and clients would treat it, over and over. What it holds has to \
             return to what it was, each time, while those who behave well notice nothing. BENCHMARKING.md says how to read this.</p>\n"
            .to_owned();
        for course in &self.courses {
            body += &section(course);
        }
        publication::page("Soak", &body, &[&self.machine, &self.settings])
    }
}

fn section(course: &Course) -> String {
    let verdict =
        if course.is_passed() { "<span class=\"yes\">passed</span>" } else { "<span class=\"no\">FAILED</span>" };
    let mut html = format!("<h2>{}: {verdict}</h2>\n<dl>", course.scenario.name());
    for (name, text) in facts(&course.settings) {
        // A string takes everything.
        let _ = write!(html, "<dt>{}</dt><dd>{}</dd>", escape(&name), escape(&text));
    }
    html += "</dl>\n<table><tbody>\n";
    for check in &course.checks {
        let (class, word) = if check.is_met { ("yes", "✓") } else { ("no", "✗") };
        let _ = writeln!(
            html,
            "<tr><td class=\"{class}\" style=\"white-space:nowrap\">{word} {}</td><td style=\"text-align:left\">{}</td></tr>",
            escape(&check.name),
            escape(&check.detail)
        );
    }
    html += "</tbody></table>\n";
    let marks: Vec<f64> = course.rests.iter().map(|rest| rest.sample.seconds).collect();
    let line = |gauge: Gauge, unit: f64, name: &str| Line {
        name: name.to_owned(),
        points: course.samples.iter().map(|sample| (sample.seconds, sample.get(gauge) as f64 / unit)).collect(),
    };
    let count = |gauge: Gauge| line(gauge, 1.0, gauge.title());
    let memory = [line(Gauge::ResidentBytes, 1e6, "resident, MB"), line(Gauge::HeapBytes, 1e6, "heap alive, MB")];
    html += "<h3>Memory</h3>\n";
    html += &chart("memory over time", &memory, &marks);
    html += "<h3>Tasks, descriptors, sessions, sockets</h3>\n";
    let alive = [Gauge::Tasks, Gauge::Descriptors, Gauge::Sessions, Gauge::Sockets].map(count);
    html += &chart("tasks, descriptors, sessions and sockets over time", &alive, &marks);
    html += "<h3>Rooms, namespaces, awaited answers</h3>\n";
    let named = [Gauge::Rooms, Gauge::Namespaces, Gauge::AwaitedAcks].map(count);
    html += &chart("rooms, namespaces and awaited answers over time", &named, &marks);
    let latency = ["p50", "p99", "max"].map(|name| Line {
        name: format!("{name}, ms"),
        points: course.steady(&format!("{name}_us")).into_iter().map(|(at, value)| (at, value / 1e3)).collect(),
    });
    let drawn = chart("latency of the well-behaved by cycle", &latency, &marks);
    if !drawn.is_empty() {
        let _ = write!(html, "<h3>From question to answer, for the well-behaved</h3>\n{drawn}");
    }
    html + &table(course)
}

/// The rows of the table: the state before, and after some of the cycles, the first and the last among them.
fn rows(course: &Course) -> Vec<(String, Sample, Option<&Rest>)> {
    let count = course.rests.len();
    let step = count.div_ceil(MOST_ROWS).max(1);
    let mut rows = vec![("before".to_owned(), course.base, None)];
    for (rest, cycle) in course.rests.iter().zip(1_usize..) {
        if (cycle - 1).is_multiple_of(step) || cycle == count {
            rows.push((format!("after {cycle}"), rest.sample, Some(rest)));
        }
    }
    rows
}

fn shown(sample: &Sample, gauge: Gauge) -> String {
    let value = sample.get(gauge);
    match gauge {
        Gauge::ResidentBytes => digits(value as f64 / 1e6),
        Gauge::HeapBytes => digits(value as f64 / 1e3),
        _ => value.to_string(),
    }
}

fn heading(gauge: Gauge) -> &'static str {
    match gauge {
        Gauge::ResidentBytes => "MB",
        Gauge::HeapBytes => "heap kB",
        Gauge::HeapBlocks => "pieces",
        Gauge::Descriptors => "fds",
        Gauge::AwaitedAcks => "awaited",
        gauge => gauge.title(),
    }
}

fn table(course: &Course) -> String {
    let mut html = "<table><thead><tr><th>cycle</th>".to_owned();
    for gauge in GAUGES {
        let _ = write!(html, "<th>{}</th>", heading(gauge));
    }
    html += "<th>settled in s</th></tr></thead>\n";
    for (name, sample, rest) in rows(course) {
        let _ = write!(html, "<tr><td>{name}</td>");
        for gauge in GAUGES {
            let _ = write!(html, "<td>{}</td>", shown(&sample, gauge));
        }
        let settling = rest.map_or(String::new(), |rest| digits(rest.settling.as_secs_f64()));
        let _ = writeln!(html, "<td>{settling}</td></tr>");
    }
    html += "<tr><td>at most</td>";
    for gauge in GAUGES {
        let mut peak = Sample::default();
        peak.set(gauge, course.peak(gauge));
        let _ = write!(html, "<td>{}</td>", shown(&peak, gauge));
    }
    html + "<td></td></tr></table>\n"
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, text) in facts(&self.machine).into_iter().chain(facts(&self.settings)) {
            writeln!(f, "{name:12} {text}")?;
        }
        for course in &self.courses {
            writeln!(f, "\n{}: {}", course.scenario.name(), if course.is_passed() { "passed" } else { "FAILED" })?;
            for (name, text) in facts(&course.settings) {
                writeln!(f, "  {name:12} {text}")?;
            }
            for check in &course.checks {
                let word = if check.is_met { "yes" } else { "NO " };
                writeln!(f, "  {word} {:38} {}", check.name, check.detail)?;
            }
            write!(f, "  {:12}", "cycle")?;
            for gauge in GAUGES {
                write!(f, " {:>10}", heading(gauge))?;
            }
            writeln!(f)?;
            for (name, sample, _) in rows(course) {
                write!(f, "  {name:12}")?;
                for gauge in GAUGES {
                    write!(f, " {:>10}", shown(&sample, gauge))?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::soak::{course::Scenario, verdict::Check};

    fn sample(seconds: f64, tasks: u64) -> Sample {
        let mut sample = Sample::at(seconds);
        sample.set(Gauge::Tasks, tasks);
        sample
    }

    fn report(is_met: bool) -> Report {
        let rest = |seconds, p99: f64| Rest {
            sample: sample(seconds, 5),
            settling: Duration::from_secs(1),
            clients: json!({ "steady": { "p50_us": 100, "p99_us": p99, "max_us": p99 } }),
        };
        let course = Course {
            scenario: Scenario::Churn,
            settings: json!({ "clients": "some" }),
            base: sample(0.0, 5),
            rests: vec![rest(10.0, 900.0), rest(20.0, 800.0)],
            samples: vec![sample(0.0, 5), sample(5.0, 77), sample(20.0, 5)],
            ever: json!({}),
            checks: vec![Check { name: "tasks return".to_owned(), is_met, detail: "<5>".to_owned() }],
        };
        Report { machine: json!({ "kernel": "Linux" }), settings: json!({}), courses: vec![course] }
    }

    #[test]
    fn the_page_draws_what_was_seen_and_loads_nothing() {
        let page = report(true).page();
        assert_eq!(page.matches("<svg ").count(), 4);
        assert!(
            page.contains("✓ tasks return") && page.contains("&lt;5&gt;") && page.contains("<td>77</td>"),
            "{page}"
        );
        for word in ["http", "src=", "url(", "<script", "@import", "NaN", "inf"] {
            assert!(!page.contains(word), "{word}: {page}");
        }
    }

    #[test]
    fn one_check_that_is_not_met_fails_the_whole() {
        assert!(report(true).is_passed());
        let failed = report(false);
        assert!(!failed.is_passed());
        assert!(failed.to_string().contains("churn: FAILED") && failed.page().contains("FAILED"));
        assert_eq!(failed.to_json()["courses"][0]["checks"][0]["is_met"], false);
        let nothing = Report { courses: Vec::new(), ..failed };
        assert!(!nothing.is_passed(), "nothing was soaked");
    }
}
